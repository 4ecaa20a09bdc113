// A page without Python: its data stand in it, and a plain object takes the place of anywidget's model.

import { render } from "./explorer.js";
import { fitIn } from "./page_frame.js";

function decodeBase64(text) {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

// What one looks at, from the address if it is there.
function viewInAddress() {
  try {
    return JSON.parse(decodeURIComponent(window.location.hash.slice(1)));
  } catch {
    return {};
  }
}

// Put it there; a page inside another one has no address of its own.
function keepInAddress(view) {
  if (window.self !== window.top) return;
  window.history.replaceState(null, "", "#" + encodeURIComponent(JSON.stringify(view)));
}

function modelOf({ meta, buffers, view, renderer }) {
  const address = window.self === window.top ? viewInAddress() : {};
  const state = { meta, renderer, selection: [], focus: [], view: { ...view, ...address } };
  for (const [name, text] of Object.entries(buffers)) state[name] = decodeBase64(text);
  return {
    get: (name) => state[name],
    set: (name, value) => {
      state[name] = value;
      if (name === "view") keepInAddress(value);
    },
    save_changes() {},
    send() {},
    on() {},
  };
}

fitIn();
window.hxModel = modelOf(JSON.parse(document.getElementById("data").textContent));
render({ model: window.hxModel, el: document.getElementById("here") });
