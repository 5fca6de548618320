// The wish as a list: a weight for each of its terms, classes to look up, guides to drop, and all of it as words.
import { h, newId } from "../dom.js";
import { slider, steadyImage } from "../parts.js";
import { respell } from "../terms.js";
import { waitingWords } from "./dream_side.js";

export function wishList(app, wish) {
  return h("div", { class: "stack" }, wordsCard(app, wish), guidesCard(app), noiseCard(app, wish));
}

function wordsCard(app, wish) {
  const id = newId("words");
  const words = h("textarea", { id, rows: 2, spellcheck: false, autocomplete: "off", "aria-describedby": `${id}-about`, onchange: () => app.store.set({ objective: words.value.trim() }) });
  const about = h("span", { class: "about", id: `${id}-about`, role: "status" });
  const list = h("ul", { class: "terms" });
  const dress = () => {
    if (document.activeElement !== words) words.value = app.state.objective;
    words.setAttribute("aria-invalid", String(Boolean(wish.error)));
    about.textContent = wish.error || (app.state.objective ? "" : "Nothing is wished for: the look, or the network itself, decides.");
    about.classList.toggle("bad", Boolean(wish.error));
    if (!list.contains(document.activeElement)) list.replaceChildren(...wish.terms.map((term, number) => termRow(wish, term, number)));
  };
  wish.addEventListener("change", dress);
  dress();
  return h("div", { class: "card stack" }, h("h2", {}, "The wish"), list, classSearch(app, wish),
    h("div", { class: "field" }, h("label", { htmlFor: id }, "In words"), words, about),
    h("div", { class: "row" }, h("button", { type: "button", class: "small", onclick: () => wish.write([]) }, "Clear"), h("a", { class: "button small", href: "#dream" }, "Dream it")));
}

function termRow(wish, term, number) {
  const change = (patch) => wish.write(wish.terms.map((each, at) => (at === number ? { ...each, ...patch } : each)));
  const weight = slider({ label: term.words, min: -2, max: 2, step: 0.05, value: term.weight, format: (value) => value.toFixed(2), onchange: (value) => change({ weight: value || 0.05 }) });
  const power = ["layer", "channel"].includes(term.kind) && h("select", { "aria-label": `The power of ${term.words}: of what is seen already, the more`, onchange: (event) => { change(respell(term, Number(event.target.value))); event.target.blur(); } },
    ...[1, 2, 3].map((each) => h("option", { value: each, selected: each === term.power }, each === 1 ? "as it is" : `^${each}`)));
  if (power) power.value = term.power;
  return h("li", {}, weight, h("div", { class: "row" }, power, h("button", { type: "button", class: "quiet icon small", "aria-label": `Remove ${term.words}`, onclick: (event) => { event.target.blur(); wish.write(wish.terms.filter((_, at) => at !== number)); } }, "✕")));
}

// Looks classes up while one types: a combobox, as screen readers know it.
export function classSearch(app, wish) {
  const id = newId("class");
  let names = null, found = [], at = -1;
  const list = h("ul", { id: `${id}-list`, class: "found", role: "listbox", "aria-label": "Classes", hidden: true });
  const input = h("input", { type: "text", id, role: "combobox", autocomplete: "off", spellcheck: false, placeholder: "jellyfish, espresso, castle", "aria-expanded": "false", "aria-autocomplete": "list", "aria-controls": list.id });
  const load = () => (names ??= app.api.post("/studio/classes", wish.network()).then((told) => told.classes, (error) => { names = null; app.toast(error.message, "bad"); return []; }));
  app.store.addEventListener("change", (event) => { if ("model" in event.detail) names = null; });
  const show = (open) => { list.hidden = !open; input.setAttribute("aria-expanded", String(open)); if (!open) input.removeAttribute("aria-activedescendant"); };
  const draw = () => {
    list.replaceChildren(...found.map((name, number) => h("li", { id: `${id}-${number}`, role: "option", "aria-selected": String(number === at), onmousedown: (event) => { event.preventDefault(); take(name); } }, name)));
    if (at >= 0) { input.setAttribute("aria-activedescendant", `${id}-${at}`); list.children[at]?.scrollIntoView({ block: "nearest" }); }
    show(found.length > 0);
  };
  const take = (name) => {
    const word = name.split(", ")[0];
    wish.toggle({ words: `class:${/^[\w-]+$/.test(word) ? word : `"${word}"`}`, kind: "class" });
    input.value = "";
    found = [];
    show(false);
  };
  input.onfocus = load;
  input.onblur = () => show(false);
  input.oninput = async () => {
    const all = await load();
    const typed = input.value.trim().toLowerCase();
    const begins = all.filter((name) => name.toLowerCase().split(", ").some((each) => each.startsWith(typed)));
    const holds = all.filter((name) => name.toLowerCase().includes(typed) && !begins.includes(name));
    found = typed ? [...begins, ...holds].slice(0, 12) : [];
    at = found.length ? 0 : -1;
    draw();
    if (typed && !found.length && all.length === 0) app.toast("This network has no classes: wish for a layer or a channel.");
  };
  input.onkeydown = (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && found.length) { at = (at + step + found.length) % found.length; draw(); event.preventDefault(); }
    else if (event.key === "Enter" && found[at]) { take(found[at]); event.preventDefault(); }
    else if (event.key === "Escape") show(false);
  };
  return h("div", { class: "field search" }, h("label", { htmlFor: id }, "Add a thing that the network has a name for"), input, list);
}

function guidesCard(app) {
  const list = h("ul", { class: "terms" });
  const file = h("input", { type: "file", accept: "image/*", class: "sr", tabIndex: -1, "aria-label": "A guide picture", onchange: async () => {
    const upload = await app.api.upload(file.files[0]).catch((error) => { app.toast(error.message, "bad"); return null; });
    file.value = "";
    if (upload) app.store.set({ guides: [...app.state.guides, { key: upload.key, name: upload.name, weight: 1 }] });
  } });
  const mean = h("input", { type: "checkbox", id: newId("mean"), onchange: () => app.store.set({ guide_mean: mean.checked }) });
  const calm = h("div", { class: "field switch" }, mean, h("label", { htmlFor: mean.id }, "Calmer: what all of it has most of"));
  const dress = () => {
    const { guides } = app.state;
    mean.checked = app.state.guide_mean;
    calm.hidden = !guides.length;
    if (list.contains(document.activeElement)) return;
    list.replaceChildren(...guides.map((each, number) => h("li", { class: "guide" }, h("img", { src: `/studio/uploads/${encodeURIComponent(each.key)}/thumb?side=96`, alt: "" }),
      slider({ label: each.name, min: 0.05, max: 2, step: 0.05, value: each.weight, format: (value) => value.toFixed(2), onchange: (weight) => app.store.set({ guides: app.state.guides.map((one, at) => (at === number ? { ...one, weight } : one)) }) }),
      h("button", { type: "button", class: "quiet icon small", "aria-label": `Remove the guide ${each.name}`, onclick: (event) => { event.target.blur(); app.store.set({ guides: app.state.guides.filter((_, at) => at !== number) }); } }, "✕"))));
  };
  app.store.addEventListener("change", dress);
  dress();
  return h("div", { class: "card stack" }, h("h2", {}, "Guides"), h("small", { class: "soft" }, "The features of another picture: drop it here, and the wish's layers look for what it has."), list, calm,
    h("div", { class: "row" }, h("button", { type: "button", class: "small", onclick: () => file.click() }, "Add a picture"), file));
}

function noiseCard(app, wish) {
  const picture = steadyImage("What the wish looks like by itself");
  const status = h("small", { class: "soft", role: "status" });
  let key = null;
  const button = h("button", { type: "button", class: "small", onclick: async () => {
    if (key) { await app.api.post(`/studio/dreams/${key}/stop`).catch(() => {}); return; }
    if (!app.state.objective) { app.toast("Wish for something first."); return; }
    try {
      const told = await app.api.post("/studio/visualize", { ...wish.network(), objective: app.state.objective, settings: { size: 256, ...(app.state.visual || {}) } });
      key = told.key;
      button.textContent = "Stop";
      app.api.follow(key, 384, (news) => {
        if (news.preview) picture.show(news.preview);
        status.textContent = news.state === "waiting" ? waitingWords(news.before) : news.news?.place || "";
        if (!["done", "failed", "canceled"].includes(news.state)) return;
        key = null;
        button.textContent = "Show it again";
        if (news.error) app.toast(news.error, "bad");
        if (news.item) { status.textContent = "It is in the gallery."; document.dispatchEvent(new CustomEvent("made", { detail: news })); }
      });
    } catch (error) { app.toast(error.message, "bad"); }
  } }, "Show it");
  return h("div", { class: "card stack" }, h("div", { class: "row spread" }, h("h2", {}, "The wish by itself, from noise"), button), h("div", { class: "noise" }, picture), status);
}
