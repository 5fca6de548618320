// What stands beside a film: what it is, what is dreamed of it, how its frames follow one another, how it is written.
import { h, newId } from "../dom.js";
import { field, fold } from "../parts.js";
import { thumbOf, usualOf } from "./dream_side.js";
import { change, filmingOf, hasWishes, setMotion, wishOf } from "./film_state.js";
import { filmFacts } from "./film_stage.js";
import { stillOf } from "./film_strip.js";

const FRONT = {
  film: ["carry", "frame_steps", "strength", "flow", "calm"],
  zoom: ["seconds", "zoom", "rotate", "frame_steps", "loop"],
  morph: ["seconds", "carry", "frame_steps", "strength", "loop"],
};
const ELSEWHERE = ["start", "end"];  // on the strip

export const FILM_FILES = "video/*,image/gif,image/webp,image/apng,.mkv,.mov,.avi,.mts,.ts,.flv,.wmv,.m4v,.apng";

export function chooser(app, accept, label) {
  const file = h("input", { type: "file", accept, class: "sr", tabIndex: -1, "aria-label": label, onchange: () => { app.takeFiles([...file.files]); file.value = ""; } });
  return file;
}

export function sourceCard(app) {
  const picture = h("img", { alt: "" }), name = h("div", { class: "name" }), about = h("small", {});
  const film = chooser(app, FILM_FILES, "Another film"), photo = chooser(app, "image/*,.tif,.tiff", "Another photo");
  const another = h("button", { type: "button", class: "small", onclick: () => (filmingOf(app).kind === "film" ? film : photo).click() });
  const made = h("div", { class: "card photo" }, picture, h("div", { class: "stack tight" }, name, about, h("div", { class: "row" }, another)), film, photo);
  const dress = () => {
    const { kind } = filmingOf(app), source = kind === "film" ? app.state.film : app.state.input;
    another.textContent = kind === "film" ? (source ? "Another film" : "Choose a film") : source ? "Another photo" : "Choose a photo";
    picture.hidden = name.hidden = about.hidden = !source;
    made.classList.toggle("photo", Boolean(source));
    if (!source) return;
    const address = kind === "film" ? stillOf(source, source.seconds / 3, 160) : thumbOf(source);
    if (!picture.src.endsWith(address)) picture.src = address;
    name.textContent = source.name || "astronaut.jpg";
    about.textContent = kind === "film" ? filmFacts(source).join(", ") : source.width ? `${source.width} × ${source.height}` : "comes with Reverie";
  };
  app.store.addEventListener("change", dress);
  dress();
  return made;
}

// The dream is the Dream room's: it is told here in a line, with the size, on which the time depends most.
export function dreamCard(app) {
  const words = h("p", { class: "wish-line" }), chips = h("div", { class: "row" }), sized = h("div", {});
  const size = app.controls.settings.dream.find((each) => each.name === "size");
  let drawn;
  const dress = () => {
    const { state } = app, { kind, keyframes } = filmingOf(app);
    words.textContent = hasWishes(keyframes[kind]) ? "Wishes over time" : kind === "morph" ? "From wish to wish" : wishOf(app) || "What the network dreams of by itself";
    const named = Object.keys(state.settings).filter((each) => each !== "size" && !(kind === "zoom" && each === "strength"));
    chips.replaceChildren(...[state.preset !== "default" && `look ${state.preset}`, state.model !== app.controls.model && state.model, ...state.guides.map((each) => `like ${each.name}`),
      ...state.masks.map((each) => `painted: ${each.objective || "the wish"}`), ...named.map((each) => `${each.replaceAll("_", " ")} ${state.settings[each]}`)].filter(Boolean).map((each) => h("span", { class: "chip" }, each)));
    chips.hidden = !chips.children.length;
    const now = JSON.stringify([state.settings.size, state.preset]);
    if (drawn !== now) { drawn = now; sized.replaceChildren(field(size, state.settings.size, usualOf(app, size), (value) => app.store.setting("size", value))); }
  };
  app.store.addEventListener("change", dress);
  dress();
  return h("div", { class: "card stack" }, h("div", { class: "row spread" }, h("h2", {}, "What is dreamed"), h("a", { href: "#dream", class: "button small" }, "Change it in Dream")), words, chips, sized);
}

// Fields of a table of settings; those that stand in front, and the rest one fold away.
export function motionCard(app) {
  const front = h("div", { class: "forms" }), rest = h("div", { class: "forms" }), title = h("h2", {});
  let drawn = "";
  const dress = () => {
    const { kind, motion } = filmingOf(app), now = JSON.stringify([kind, motion[kind]]);
    if (now === drawn) return;
    drawn = now;
    const all = app.controls.settings[kind].filter((each) => !ELSEWHERE.includes(each.name) && !(kind === "film" && each.name === "rate"));
    const make = (setting) => field(setting, motion[kind][setting.name], setting.default, (value) => setMotion(app, setting.name, value === setting.default ? null : value));
    const focused = document.activeElement?.id?.replace(/-\d+$/, "");
    title.textContent = { film: "How frames follow one another", zoom: "How it moves", morph: "How it changes" }[kind];
    front.replaceChildren(...FRONT[kind].map((name) => make(all.find((each) => each.name === name))));
    rest.replaceChildren(...all.filter((each) => !FRONT[kind].includes(each.name)).map(make));
    if (focused) [...front.querySelectorAll("input, select"), ...rest.querySelectorAll("input, select")].find((each) => each.id.replace(/-\d+$/, "") === focused)?.focus();
  };
  app.store.addEventListener("change", dress);
  dress();
  return h("div", { class: "card stack" }, h("div", { class: "row spread" }, title,
    h("button", { type: "button", class: "small quiet", onclick: () => { const { kind, motion } = filmingOf(app); change(app, { motion: { ...motion, [kind]: {} } }); } }, "As usual")), front, fold("More", rest));
}

export function encodingCard(app, endings) {
  const id = newId("ending");
  const ending = h("select", { id, onchange: () => change(app, { ending: ending.value }) }, ...endings.map((each) => h("option", { value: each }, each.slice(1).toUpperCase())));
  const rest = h("div", { class: "forms" });
  let drawn = "";
  const dress = () => {
    const filming = filmingOf(app), now = JSON.stringify(filming.encoding);
    ending.value = filming.ending;
    if (now === drawn) return;
    drawn = now;
    rest.replaceChildren(...app.controls.settings.encoding.map((setting) => field(setting, filming.encoding[setting.name], setting.default, (value) => {
      const encoding = { ...filmingOf(app).encoding };
      if (value === null || value === setting.default) delete encoding[setting.name]; else encoding[setting.name] = value;
      change(app, { encoding });
    })));
  };
  app.store.addEventListener("change", dress);
  dress();
  return h("div", { class: "card stack" }, h("div", { class: "field" }, h("label", { htmlFor: id }, "Written as"), ending,
    h("span", { class: "about" }, "Sound stays as it is in MP4, MOV, MKV and WebM; pictures that move have none.")), fold("How it is encoded", rest));
}

// The wishes of a morph, in their order.
export function wishesCard(app) {
  const list = h("ol", { class: "wishes" }), note = h("small", { class: "soft" });
  const made = h("div", { class: "card stack" }, h("h2", {}, "From wish to wish"), list, note,
    h("div", { class: "row" }, h("button", { type: "button", class: "small", onclick: () => { change(app, { wishes: [...filmingOf(app).wishes, ""] }); list.lastChild.querySelector("input").focus(); } }, "Add a wish")));
  const put = (wishes, focus) => { change(app, { wishes }); if (focus !== undefined) list.children[Math.min(focus, wishes.length - 1)]?.querySelector("input").focus(); };
  let drawn = "";
  const dress = () => {
    const { kind, wishes, keyframes } = filmingOf(app);
    made.hidden = kind !== "morph";
    note.textContent = hasWishes(keyframes.morph) ? "The wishes over time, below, are taken in the place of these." : "In even steps over its length. With a loop, the first comes again at the end.";
    const now = JSON.stringify(wishes);
    if (now === drawn) return;
    drawn = now;
    list.replaceChildren(...wishes.map((words, n) => {
      const input = h("input", { type: "text", value: words, autocomplete: "off", spellcheck: false, placeholder: ["fire3^2", "fire8^2", "class:volcano"][n] || "a layer, a channel, a class", "aria-label": `Wish ${n + 1}`, onchange: () => put(wishes.map((each, m) => (m === n ? input.value : each))) });
      const swap = (m) => { const next = [...wishes]; [next[n], next[m]] = [next[m], next[n]]; put(next, m); };
      return h("li", { class: "row" }, input,
        h("button", { type: "button", class: "quiet icon small", disabled: n === 0, "aria-label": `Wish ${n + 1} earlier`, onclick: () => swap(n - 1) }, "↑"),
        h("button", { type: "button", class: "quiet icon small", disabled: n === wishes.length - 1, "aria-label": `Wish ${n + 1} later`, onclick: () => swap(n + 1) }, "↓"),
        h("button", { type: "button", class: "quiet icon small", disabled: wishes.length <= 2, "aria-label": `Remove wish ${n + 1}`, onclick: () => put(wishes.filter((_, m) => m !== n), n) }, "✕"));
    }));
  };
  app.store.addEventListener("change", dress);
  dress();
  return made;
}

// Films that were begun and not finished, by this studio or one that is closed.
export function begunCard(app, listen) {
  const list = h("ul", { class: "begun" });
  const made = h("div", { class: "card stack", hidden: true }, h("h2", {}, "Not finished"), list);
  const act = async (work) => { try { await work(); } catch (error) { app.toast(error.message, "bad"); } await refresh(); };
  async function refresh() {
    let found = [];
    try { found = (await app.api.get("/studio/films/begun")).films; } catch { return; }
    made.hidden = !found.length;
    list.replaceChildren(...found.map((each) => {
      const path = `/studio/films/begun/${encodeURIComponent(each.name)}`;
      return h("li", { class: "stack tight" }, h("div", { class: "name" }, each.name),
        h("small", {}, each.key ? "is being made" : `${each.kept} of ${each.frames} frames are made`, each.wish ? `, ${each.wish}` : ""),
        h("div", { class: "row" },
          h("button", { type: "button", class: "small", onclick: () => act(async () => listen(each.key ? await app.api.get(`/studio/dreams/${each.key}`) : await app.api.post(path))) }, each.key ? "Watch it" : "Go on"),
          !each.key && h("button", { type: "button", class: "small quiet", "aria-label": `Give up ${each.name}`, onclick: () => act(() => app.api.remove(path)) }, "Give up")));
    }));
    return found;
  }
  made.refresh = refresh;
  return made;
}
