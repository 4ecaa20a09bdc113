// A page without Python: its data stand in it, and a plain object takes the place of anywidget's model.

import { render } from "./explorer.js";
import { fitIn } from "./page_frame.js";

function decodeBase64(text) {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

function modelOf({ meta, buffers }) {
  const state = { meta, selection: [], focus: [] };
  for (const [name, text] of Object.entries(buffers)) state[name] = decodeBase64(text);
  return {
    get: (name) => state[name],
    set: (name, value) => {
      state[name] = value;
    },
    save_changes() {},
    send() {},
    on() {},
  };
}

fitIn();
window.hxModel = modelOf(JSON.parse(document.getElementById("data").textContent));
render({ model: window.hxModel, el: document.getElementById("here") });
