// A page that may stand inside another one: it takes on the other's light or dark, and asks for the height it needs.

export function fitIn() {
  const root = document.documentElement;
  const outer = window.frameElement?.ownerDocument.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const follow = () => {
    const said = outer?.dataset.theme ?? (outer?.querySelector("body[data-jp-theme-light=false]") ? "dark" : null);
    root.dataset.theme = said ?? (dark.matches ? "dark" : "light");
  };
  follow();
  dark.addEventListener("change", follow);
  if (!outer) return;
  new MutationObserver(follow).observe(outer, { attributes: true });
  const grow = () => {
    const { height } = document.body.getBoundingClientRect();
    window.frameElement.style.height = `${Math.ceil(height) + 2}px`;
  };
  new ResizeObserver(grow).observe(document.body);
}
