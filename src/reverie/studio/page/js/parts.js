// Parts of rooms: fields and sliders with their labels, folds, curves, the slider between before and after.
import { h, newId, s, score } from "./dom.js";

export function slider({ label, about, min, max, step = "any", value, ends, format = String, oninput, onchange, id = newId("slider") }) {
  const output = h("output", { htmlFor: id }, format(Number(value)));
  const input = h("input", {
    type: "range", id, min, max, step, "aria-describedby": about ? `${id}-about` : null,
    oninput: () => { tell(); oninput?.(Number(input.value)); },
    onchange: () => onchange?.(Number(input.value)),
  });
  input.value = value;
  function tell() { output.textContent = format(Number(input.value)); input.setAttribute("aria-valuetext", output.textContent); }
  tell();
  const made = h("div", { class: "slider field" },
    h("div", { class: "head" }, h("label", { htmlFor: id }, label), output), input,
    ends && h("div", { class: "ends", "aria-hidden": "true" }, ...ends.map((each) => h("span", {}, each))),
    about && h("span", { class: "about", id: `${id}-about` }, about));
  made.input = input;
  made.show = (next) => { if (document.activeElement !== input || Number(input.value) !== next) { input.value = next; tell(); } };
  return made;
}

export const spell = (name) => { const words = name.replaceAll("_", " "); return words[0].toUpperCase() + words.slice(1); };

// A field for a setting as the server describes it; `told` is called with its value, or null for "as usual".
export function field(setting, value, usual, told) {
  const id = newId(setting.name);
  const about = h("span", { class: "about", id: `${id}-about` }, setting.about);
  const label = h("label", { htmlFor: id }, spell(setting.name));
  let input;
  if (setting.kind === "bool") {
    input = h("input", { type: "checkbox", id, checked: Boolean(value ?? usual), onchange: () => told(input.checked) });
    return h("div", { class: "field switch" }, input, label, about);
  }
  if (setting.choices.length) {
    input = h("select", { id, onchange: () => told(input.value) }, ...setting.choices.map((each) => h("option", { value: each }, each)));
    input.value = value ?? usual ?? setting.choices[0];
  } else {
    const text = setting.shaped || setting.kind === "str";
    const whole = setting.kind === "int";
    const common = { id, placeholder: usual === null || usual === undefined ? "auto" : String(usual), autocomplete: "off" };
    input = text
      ? h("input", { type: "text", ...common, inputMode: setting.shaped ? "text" : null })
      : h("input", { type: "number", ...common, min: setting.least, max: setting.most, step: whole ? 1 : "any" });
    input.value = value ?? "";
    input.onchange = () => {
      const words = input.value.trim();
      const bad = !input.checkValidity();
      input.setAttribute("aria-invalid", String(bad));
      if (!bad) told(words === "" ? null : text && !/^\d+$/.test(words) ? words : setting.kind === "str" ? words : Number(words));
    };
  }
  input.setAttribute("aria-describedby", about.id);
  return h("div", { class: "field" }, label, input, about);
}

export const fold = (title, ...inside) => h("details", { class: "fold" }, h("summary", {}, title), ...inside);

// A score over the work: points are [share, score].
export function curve(label) {
  const path = s("path", { d: "" });
  const made = s("svg", { class: "curve", viewBox: "0 0 100 40", preserveAspectRatio: "none", role: "img", "aria-label": label }, path);
  made.points = [];
  made.draw = () => {
    const points = made.points.filter(([, score]) => Number.isFinite(score));
    if (points.length < 2) { path.setAttribute("d", ""); return; }
    const scores = points.map(([, score]) => score);
    const low = Math.min(...scores), high = Math.max(...scores), span = high - low || 1;
    path.setAttribute("d", points.map(([x, y], n) => `${n ? "L" : "M"}${(x * 100).toFixed(2)} ${(38 - 36 * (y - low) / span).toFixed(2)}`).join(""));
    made.setAttribute("aria-label", `${label}: from ${score(scores[0])} to ${score(scores.at(-1))}`);
  };
  return made;
}

// Before and after in one frame; arrow keys move the line between them.
export function compare(before, after, alt) {
  const line = h("div", { class: "line" });
  const input = h("input", { type: "range", min: 0, max: 100, step: 1, "aria-label": "How much of the photo is shown beside the dream" });
  input.value = 50;
  const top = h("img", { class: "after", src: after, alt });
  const made = h("div", { class: "compare" }, h("img", { src: before, alt: "The photo" }), top, line, input);
  input.oninput = () => made.style.setProperty("--cut", `${input.value}%`);
  made.show = (address) => { top.src = address; };
  return made;
}

export function copyBox(text, app, label = "The command line") {
  const code = h("code", { tabIndex: 0, role: "group", "aria-label": label }, text);
  const button = h("button", { type: "button", class: "small", onclick: async () => {
    try { await navigator.clipboard.writeText(code.textContent); app.toast("Copied."); } catch { getSelection().selectAllChildren(code); app.toast("Press Ctrl+C to copy."); }
  } }, "Copy");
  const made = h("div", { class: "copy" }, code, button);
  made.show = (words) => { code.textContent = words; };
  return made;
}

// An image that changes without a blink: the next one is shown once it is decoded.
export function steadyImage(alt) {
  const made = h("img", { alt, hidden: true });
  let latest = 0;
  made.show = async (address) => {
    const number = ++latest, next = new Image();
    next.src = address;
    try { await next.decode(); } catch { return; }
    if (number === latest) { made.src = address; made.hidden = false; }
  };
  return made;
}

export function dialog(title, ...inside) {
  const id = newId("dialog");
  const made = h("dialog", { "aria-labelledby": id }, h("div", { class: "stack" },
    h("div", { class: "row spread" }, h("h2", { id }, title), h("button", { type: "button", class: "quiet icon", "aria-label": "Close", onclick: () => made.close() }, "✕")), ...inside));
  made.addEventListener("close", () => made.remove());
  document.body.append(made);
  made.showModal();
  return made;
}
