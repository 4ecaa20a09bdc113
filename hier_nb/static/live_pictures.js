// A sheet of pictures that changes with the controls. data: { images: [addresses], columns, name, titles?: [words], words? }

import { change } from "./live_svg.js";

export function create(stage, figure) {
  const sheet = document.createElement("div");
  change(sheet, { role: "group", "aria-label": figure.spec.alt });
  Object.assign(sheet.style, { display: "grid", gap: "6px" });
  stage.append(sheet);
  return { update, state: () => ({ pictures: sheet.childElementCount, loaded: loaded() }) };

  function update({ images, columns, name, titles = [] }) {
    sheet.style.gridTemplateColumns = `repeat(${columns}, 1fr)`;
    sheet.replaceChildren(...images.map((source, n) => picture(source, titles[n] ?? "", `${name} ${n + 1}`)));
  }

  function picture(source, title, name) {
    const box = document.createElement("figure");
    const image = document.createElement("img");
    Object.assign(image, { src: source, alt: title ? `${name}: ${title}` : name });
    Object.assign(image.style, { width: "100%", display: "block" });
    box.style.margin = "0";
    box.append(image);
    if (title) {
      const words = document.createElement("figcaption");
      words.textContent = title;
      Object.assign(words.style, { fontSize: "12px", color: "var(--lf-pale)", textAlign: "center" });
      box.append(words);
    }
    return box;
  }

  function loaded() {
    return [...sheet.querySelectorAll("img")].filter(({ naturalWidth }) => naturalWidth > 0).length;
  }
}
