// A live figure: controls above, a drawing, a line of words below. What is drawn depends on where the controls stand;
// the answer comes from Python if there is a kernel, else from those that were saved with the page.

// source: { spec, ask(settings) -> promise of data }; create(stage, figure) -> { update(data, settings) }.
export function mount(el, source, create) {
  const { spec } = source;
  const settings = Object.fromEntries(spec.controls.map((control) => [control.name, control.start]));
  el.classList.add("lf");
  el.lang = "en";
  const bar = add(el, "div", "lf-controls");
  const stage = add(el, "div", "lf-stage");
  const status = add(el, "p", "lf-status");
  status.setAttribute("role", "status");
  const say = (words) => (status.textContent = words);
  const state = { data: spec.data, settings, pending: false, error: "" };
  const figure = { spec, settings, say, change: (name, value) => move(name, value) };
  const controls = {};
  let asked = 0;
  let timer = null;
  const drawn = create(stage, figure);

  for (const control of spec.controls) controls[control.name] = knob(bar, control, (value) => move(control.name, value));
  bar.hidden = !spec.controls.length;
  show(spec.data);
  el.live = { state: () => ({ ...state, ...(drawn.state?.() ?? {}), words: status.textContent }) };
  return () => drawn.stop?.();

  function show(data) {
    Object.assign(state, { data, error: data.error ?? "" });
    say(data.error ?? data.words ?? "");
    if (!data.error) drawn.update(data, settings);
  }

  function move(name, value) {
    settings[name] = value;
    controls[name].show(value);
    if (source.oneAtATime) goHome(name);
    state.pending = true;
    clearTimeout(timer);
    timer = setTimeout(ask, source.delay ?? 0);
  }

  // Without a kernel only runs that were saved can be shown: those in which one control has left its start.
  function goHome(except) {
    for (const { name, start } of spec.controls) {
      if (name === except || settings[name] === start) continue;
      settings[name] = start;
      controls[name].show(start);
    }
  }

  async function ask() {
    const number = ++asked;
    el.classList.add("lf-waits");
    const data = await source.ask({ ...settings });
    if (number !== asked) return; // a later question is on its way
    el.classList.remove("lf-waits");
    state.pending = false;
    show(data);
  }
}

function add(parent, tag, name = "") {
  const made = document.createElement(tag);
  if (name) made.className = name;
  parent.append(made);
  return made;
}

// Numbers get a slider over their values, words a list.
function knob(bar, { name, label, values, start }, moved) {
  const box = add(bar, "label", "lf-control");
  add(box, "span", "lf-label").textContent = label;
  return typeof start === "number" ? slider(box, name, values, start, moved) : list(box, name, values, start, moved);
}

function slider(box, name, values, start, moved) {
  const input = add(box, "input");
  const shown = add(box, "output");
  Object.assign(input, { type: "range", min: 0, max: values.length - 1, step: 1, value: values.indexOf(start), name });
  const show = (value) => {
    input.value = values.indexOf(value);
    shown.textContent = String(value);
    input.setAttribute("aria-valuetext", String(value));
  };
  input.addEventListener("input", () => moved(values[+input.value]));
  show(start);
  return { show };
}

function list(box, name, values, start, moved) {
  const select = add(box, "select");
  select.name = name;
  values.forEach((value, n) => {
    const option = add(select, "option");
    option.value = n;
    option.textContent = String(value);
  });
  select.addEventListener("change", () => moved(values[+select.value]));
  const show = (value) => (select.value = values.indexOf(value));
  show(start);
  return { show };
}

// With a kernel: a question goes out with a number, its answer comes back with the same.
export function kernelSource(model) {
  const waiting = new Map();
  let last = 0;
  model.on("msg:custom", ({ number, data }) => {
    waiting.get(number)?.(data);
    waiting.delete(number);
  });
  const ask = (settings) =>
    new Promise((resolve) => {
      waiting.set(++last, resolve);
      model.send({ number: last, settings });
    });
  return { spec: model.get("spec"), ask, delay: 60 };
}

// Without one: the answers that were saved, by their settings.
export function savedSource({ spec, saved, one_at_a_time: oneAtATime }) {
  const key = (settings) => spec.controls.map(({ name, values }) => values.indexOf(settings[name])).join(",");
  return { spec, oneAtATime, ask: async (settings) => saved[key(settings)] ?? { error: "This one was not saved." } };
}
