// A live figure without a kernel: its answers stand in the page, packed.

import { mount, savedSource } from "./live.js";
import { fitIn } from "./page_frame.js";

async function unpack(text) {
  const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return JSON.parse(await new Response(stream).text());
}

export async function start(create) {
  fitIn();
  const saved = await unpack(document.getElementById("data").textContent.trim());
  mount(document.getElementById("here"), savedSource(saved), create);
}
