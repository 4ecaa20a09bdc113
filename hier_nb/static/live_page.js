// A live figure without a kernel: its answers stand in the page, packed.

import { mount, savedSource } from "./live.js";

async function unpack(text) {
  const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return JSON.parse(await new Response(stream).text());
}

// A page inside another one takes on its light or dark, and asks for the height it needs.
function fitIn() {
  const root = document.documentElement;
  const outer = window.frameElement?.ownerDocument.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const follow = () => {
    const said = outer?.dataset.theme ?? (outer?.querySelector("body[data-jp-theme-light=false]") ? "dark" : null);
    root.dataset.theme = said ?? (dark.matches ? "dark" : "light");
  };
  follow();
  dark.addEventListener("change", follow);
  if (!window.frameElement) return;
  new MutationObserver(follow).observe(outer, { attributes: true });
  const grow = () => (window.frameElement.style.height = `${Math.ceil(document.body.getBoundingClientRect().height) + 2}px`);
  new ResizeObserver(grow).observe(document.body);
}

export async function start(create) {
  fitIn();
  const saved = await unpack(document.getElementById("data").textContent.trim());
  mount(document.getElementById("here"), savedSource(saved), create);
}
