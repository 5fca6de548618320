// What stands beside the picture: the photo, the wish, the looks, and all settings one fold away.
import { bytes, h, newId, percent } from "../dom.js";
import { field, fold, slider, spell } from "../parts.js";
import { takePhoto } from "./webcam.js";

export function thumbOf(input) {
  return input?.example ? "/page/astronaut.jpg" : `/studio/uploads/${encodeURIComponent(input.key)}/thumb`;
}

export function photoCard(app) {
  const picture = h("img", { alt: "" }), name = h("div", { class: "name" }), about = h("small", {});
  const file = h("input", { type: "file", accept: "image/*,.tif,.tiff", class: "sr", tabIndex: -1, "aria-label": "Another picture", onchange: () => { app.takeFiles([...file.files]); file.value = ""; } });
  const dress = () => {
    const { input } = app.state;
    if (!input) return;
    picture.src = thumbOf(input);
    name.textContent = input.name || "astronaut.jpg";
    about.textContent = input.width ? `${input.width} × ${input.height}${input.bytes ? `, ${bytes(input.bytes)}` : ""}` : "comes with Reverie";
  };
  app.store.addEventListener("change", dress);
  dress();
  return h("div", { class: "card photo" }, picture, h("div", { class: "stack tight" }, name, about,
    h("div", { class: "row" }, h("button", { type: "button", class: "small", onclick: () => file.click() }, "Another photo"),
      h("button", { type: "button", class: "small", onclick: () => takePhoto(app) }, "Webcam")), file));
}

// `masked`: whether what is painted matters here.
export function wishCard(app, masked = true) {
  const id = newId("wish");
  const words = h("input", { type: "text", id, autocomplete: "off", spellcheck: false, "aria-describedby": `${id}-about`, onchange: () => app.store.set({ objective: words.value.trim() }) });
  const more = h("div", { class: "row" });
  const looks = h("div", { class: "strip", role: "radiogroup", "aria-label": "Looks: ways to dream" });
  const choices = app.controls.presets.filter((each) => each.picture);
  const name = newId("look");
  for (const preset of choices) {
    const radio = h("input", { type: "radio", name, value: preset.name, onchange: () => choosePreset(app, preset) });
    looks.append(h("label", { class: "tile", title: preset.about }, radio, h("img", { class: "face", src: preset.picture, alt: "", loading: "lazy" }), h("span", {}, preset.name)));
  }
  const about = h("small", { class: "soft" });
  const dress = () => {
    const { state } = app;
    const preset = app.controls.presets.find((each) => each.name === state.preset);
    if (document.activeElement !== words) words.value = state.objective;
    words.placeholder = preset?.objectives[state.model] || app.controls.models.find((each) => each.name === state.model)?.objective || "what the network dreams of by itself";
    for (const radio of looks.querySelectorAll("input")) radio.checked = radio.value === state.preset;
    about.textContent = preset ? preset.about : "";
    more.replaceChildren(...[
      ...state.guides.map((each) => h("span", { class: "chip" }, `like ${each.name}`)),
      ...(masked ? state.masks : []).map(paintedChip),
      masked && state.masks.length ? h("button", { type: "button", class: "small", onclick: () => app.store.set({ masks: [] }) }, "Remove the masks") : null,
      state.model !== app.controls.model ? h("span", { class: "chip" }, state.model) : null].filter(Boolean));
    more.hidden = !more.children.length;
  };
  app.store.addEventListener("change", dress);
  dress();
  return h("div", { class: "card stack" }, h("h2", {}, "What to dream of"),
    h("div", { class: "field" }, h("label", { htmlFor: id, class: "sr" }, "The wish, in words"), words,
      h("span", { class: "about", id: `${id}-about` }, "A layer, a channel or a class: fire8^2, fire5:12, class:jellyfish. ", h("a", { href: "#wishes" }, "Choose by pictures"), " or ", h("a", { href: "#wishes", onclick: () => { app.painting = true; } }, "paint where"), ".")),
    more, h("div", { class: "label" }, "Looks"), looks, about);
}

function paintedChip({ objective, color }) {
  const dot = h("i", { class: "dot", hidden: !color });
  dot.style.background = color || "";
  return h("span", { class: "chip" }, dot, `painted: ${objective || "the wish"}`);
}

function choosePreset(app, preset) {
  const kept = ["size", "seed", "strength", "features", "gray"];
  const settings = Object.fromEntries(Object.entries(app.state.settings).filter(([name]) => kept.includes(name)));
  app.store.set({ preset: preset.name, settings });
}

export function usualOf(app, setting) {
  const preset = app.controls.presets.find((each) => each.name === app.state.preset);
  return preset && setting.name in preset.settings ? preset.settings[setting.name] : setting.default;
}

export function controlsCard(app) {
  const all = app.controls.settings.dream, byName = Object.fromEntries(all.map((each) => [each.name, each]));
  const plain = h("div", { class: "forms" }), rest = h("div", { class: "forms" });
  const beside = app.controls.plain.filter((name) => name in byName && !["strength", "features"].includes(name));
  let drawn = "";
  const dress = () => {
    const shown = JSON.stringify([app.state.settings, app.state.preset]);
    if (shown === drawn) return;
    drawn = shown;
    const make = (setting) => setting.name === "seed" ? seedField(app, setting) : field(setting, app.state.settings[setting.name], usualOf(app, setting), (value) => app.store.setting(setting.name, value));
    const focused = document.activeElement?.id?.replace(/-\d+$/, "");
    plain.replaceChildren(...beside.map((name) => make(byName[name])));
    rest.replaceChildren(...all.filter((each) => !app.controls.plain.includes(each.name)).map(make));
    if (focused) [...plain.querySelectorAll("input, select"), ...rest.querySelectorAll("input, select")].find((each) => each.id.replace(/-\d+$/, "") === focused)?.focus();
  };
  app.store.addEventListener("change", dress);
  dress();
  return h("div", { class: "card stack" }, h("div", { class: "row spread" }, h("h2", {}, "How"),
    h("button", { type: "button", class: "small quiet", onclick: () => app.store.set({ settings: {}, preset: "default" }) }, "As usual")), plain, fold("All settings", rest));
}

function seedField(app, setting) {
  const made = field(setting, app.state.settings.seed, setting.default, (value) => app.store.setting("seed", value));
  const input = made.querySelector("input");
  const dice = h("button", { type: "button", class: "icon", "aria-label": "Roll the dice: another seed", title: "Another seed", onclick: () => app.store.setting("seed", Math.floor(Math.random() * 1e6)) }, "⚄");
  const row = h("div", { class: "row" });
  input.replaceWith(row);
  input.classList.add("grow");
  row.append(input, dice);
  row.style.flexWrap = "nowrap";
  return made;
}

// The two plain sliders below the picture.
export function lookSliders(app, changed) {
  const show = (name, usual) => app.state.settings[name] ?? usual;
  const strength = slider({
    label: "Strength", min: 0, max: 1, step: 0.01, value: show("strength", 1), format: percent,
    oninput: (value) => changed({ strength: value }, false), onchange: (value) => { app.store.setting("strength", value === 1 ? null : value); changed({ strength: value }, true); },
  });
  const features = slider({
    label: "Features", min: -1, max: 1, step: 0.05, value: show("features", 0), ends: ["small", "all", "large"],
    format: (value) => (Math.abs(value) < 0.025 ? "all sizes" : `${value < 0 ? "small" : "large"} ${percent(Math.abs(value))}`),
    oninput: (value) => changed({ features: value }, false), onchange: (value) => { app.store.setting("features", value === 0 ? null : value); changed({ features: value }, true); },
  });
  app.store.addEventListener("change", () => { strength.show(show("strength", 1)); features.show(show("features", 0)); });
  return h("div", { class: "pair" }, strength, features);
}

export function surpriseCard(app) {
  const sheet = h("div", { class: "tries" }), status = h("small", { class: "soft", role: "status" });
  let seed = 0, stop = null, key = null;
  const more = h("button", { type: "button", onclick: draw }, "Surprise me");
  async function draw() {
    if (stop) { await app.api.post(`/studio/dreams/${key}/stop`).catch(() => {}); return; }
    const { objective, settings, preset, guides, masks, guide_mean, ...asked } = app.store.asked();
    try {
      const told = await app.api.post("/studio/tries", { ...asked, count: 9, seed: seed++ });
      key = told.key;
      sheet.replaceChildren();
      more.textContent = "Stop";
      stop = app.api.follow(told.key, 320, (news) => {
        for (const each of news.parts || []) sheet.append(tryButton(app, each));
        if (news.state === "waiting") status.textContent = waitingWords(news.before);
        else if (news.news) status.textContent = news.news.place;
        if (["done", "failed", "canceled"].includes(news.state)) {
          stop = null; more.textContent = "Surprise me again";
          status.textContent = news.state === "failed" ? "" : "Click one to take up its wish and settings.";
          if (news.state === "failed") app.toast(news.error, "bad");
        }
      });
    } catch (error) { app.toast(error.message, "bad"); }
  }
  return h("div", { class: "card stack" }, h("div", { class: "row spread" }, h("h2", {}, "By chance"), more), sheet, status);
}

export function waitingWords(before) { return before === 1 ? "One dream before yours" : `${before} dreams before yours`; }

function tryButton(app, each) {
  return h("button", { type: "button", title: each.objective, "aria-label": `Take up ${each.objective}`, onclick: () => {
    const kept = Object.fromEntries(Object.entries(app.state.settings).filter(([name]) => ["size", "seed", "strength", "features", "gray"].includes(name)));
    app.store.set({ objective: each.objective, preset: "default", settings: { ...kept, ...each.settings } });
    app.toast(`The wish is ${each.objective} now: dream it large.`);
  } }, h("img", { src: each.picture, alt: each.objective }));
}

export { spell };
