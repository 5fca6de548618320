// Which networks are here, which could be, and which one dreams.
import { h, newId } from "../dom.js";
import { copyBox } from "../parts.js";
import { makeCard } from "./network_card.js";

export const networks = {
  name: "networks",
  title: "Networks",
  mount(app, element) {
    this.room = new Networks(app);
    element.append(this.room.element);
    if (this.waiting) { this.room.tryWeights(this.waiting); this.waiting = null; }
  },
  entered() { this.room.refresh(); },
  // Weights that were dropped, here or in another room, are tried with the network that is chosen.
  receive(upload) {
    if (upload.kind !== "weights") return false;
    if (this.room) this.room.tryWeights(upload); else this.waiting = upload;
    return true;
  },
};

class Networks {
  constructor(app) {
    this.app = app;
    this.known = new Map();   // by name: what the server tells, and its card
    this.named = [];          // those that were typed, or found in a cache
    this.chosen = h("section", { class: "card stack", "aria-label": "The network that dreams" });
    this.here = h("ul", { class: "shelf" });
    this.others = h("ul", { class: "shelf" });
    this.looking = h("p", { class: "soft", role: "status", hidden: true }, "Looking for weights on this machine");
    this.folder = copyBox("", app, "The folder of downloaded weights");
    this.file = h("input", { type: "file", accept: ".safetensors,.h5", class: "sr", tabIndex: -1, "aria-label": "A file of weights", onchange: () => { app.takeFiles([...this.file.files]); this.file.value = ""; } });
    this.element = h("div", { class: "stack networks" }, h("h1", {}, "Networks"),
      h("p", { class: "soft" }, "A network dreams of what it learned to see. Another one, trained on other pictures or built another way, dreams otherwise."),
      this.chosen, this.file, h("h2", {}, "Here"), this.here, this.looking,
      h("h2", {}, "To be fetched"), this.others, this.byName(),
      h("div", { class: "where" }, h("span", { class: "soft" }, "Downloaded weights are kept in this folder, each checked by its digest. Nothing else is sent or fetched."), this.folder));
    app.store.addEventListener("change", (event) => { if (["model", "weights"].some((name) => name in event.detail)) this.dress(); });
    this.dress();
  }

  async refresh() {
    let told;
    try { told = await this.app.api.get("/studio/networks"); } catch (error) { this.app.toast(error.message, "bad"); return; }
    this.folder.show(told.folder);
    for (const each of told.networks) this.learn(each);
    this.draw();
    this.findHere();
    this.joinDownloads();
  }

  // What libraries have in their caches takes a moment to know: they have to be imported.
  async findHere() {
    if (this.asking) return;
    this.asking = true;
    this.looking.hidden = false;
    try {
      const { here } = await this.app.api.get("/studio/networks/here");
      const found = new Set(here);
      for (const { told } of this.known.values()) if (/^(torchvision|timm):/.test(told.name) && !told.needs) this.learn({ ...told, here: found.has(told.name) });
      for (const name of here) if (!this.known.has(name)) this.learn({ name, about: `${name.split(":")[0]}'s, found in its cache`, objective: "", parameters: null, megabytes: null, here: true, needs: null });
      this.draw();
    } catch { /* the list stays as it was */ } finally { this.asking = false; this.looking.hidden = true; }
  }

  async joinDownloads() {
    try {
      const { downloads } = await this.app.api.get("/studio/downloads");
      for (const each of downloads) this.known.get(each.name)?.card.watch(each);
    } catch { /* none, then */ }
  }

  learn(told) {
    const known = this.known.get(told.name);
    if (known) { known.told = { ...known.told, ...told }; known.card.show(known.told); return known; }
    const made = { told, card: makeCard(this.app, this, told) };
    this.known.set(told.name, made);
    return made;
  }

  draw() {
    const all = [...this.known.values()];
    const isHere = (each) => Boolean(each.told.here);
    place(this.here, all.filter(isHere).map((each) => each.card.element));
    place(this.others, all.filter((each) => !isHere(each)).map((each) => each.card.element));
    this.dress();
  }

  byName() {
    const id = newId("network"), told = h("p", { class: "soft", role: "status" });
    const words = h("input", { type: "text", id, placeholder: "timm:resnet50.a1_in1k", autocomplete: "off", spellcheck: false, "aria-describedby": `${id}-about` });
    const form = h("form", { class: "row named", onsubmit: async (event) => {
      event.preventDefault();
      if (!words.value.trim()) return;
      told.textContent = "Looking it up";
      try {
        const found = await this.app.api.post("/studio/networks/find", { model: words.value.trim() });
        told.textContent = "";
        const { card } = this.learn(found);
        this.draw();
        card.element.scrollIntoView({ block: "center" });
        card.focus();
      } catch (error) { told.textContent = error.message; }
    } }, words, h("button", { type: "submit" }, "Find"));
    return h("div", { class: "card stack tight" }, h("div", { class: "field" }, h("label", { htmlFor: id }, "Any other, by its name"), form,
      h("span", { class: "about", id: `${id}-about` }, "torchvision:NAME, timm:NAME or keras:NAME, as these libraries call it.")), told);
  }

  use(told, weights = null) {
    const { app } = this, same = app.state.model === told.name;
    const wishes = app.controls.presets.find((each) => each.name === app.state.preset)?.objectives || {};
    const suits = !Object.keys(wishes).length || told.name in wishes;
    app.store.set({ model: told.name, weights, weightsName: null, engine: "torch", objective: same ? app.state.objective : "", preset: suits ? app.state.preset : "default" });
    app.toast(told.objective ? `${told.name} dreams now, of ${told.objective} unless you wish for something else.` : `${told.name} dreams now.`);
  }

  // A file of weights is loaded once before it is taken: one line says where it does not fit.
  tryWeights(upload) {
    const { app } = this, model = app.state.model;
    this.trying = { name: upload.name, state: "running" };
    this.dress();
    const over = (error) => {
      this.trying = null;
      if (error) app.toast(error, "bad");
      else { app.store.set({ weights: upload.key, weightsName: upload.name }); app.toast(`${model} dreams with the weights of ${upload.name} now.`); }
      this.dress();
    };
    this.look({ model, weights: upload.key }).then(() => over(null), (error) => over(error.message));
  }

  // What the server finds when it loads a network.
  async look(asked) {
    const told = await this.app.api.post("/studio/networks/look", asked);
    return new Promise((done, failed) => this.app.api.follow(told.key, 64, (news) => {
      if (news.state === "done") done(news.network);
      else if (news.state === "failed" || news.state === "canceled") failed(new Error(news.error || "it was stopped"));
    }));
  }

  dress() {
    const { app } = this, { model, weights, weightsName } = app.state;
    const told = this.known.get(model)?.told;
    const objective = told?.objective || app.controls.models.find((each) => each.name === model)?.objective;
    const radio = (words, on, does) => h("button", { type: "button", class: "small", "aria-pressed": String(on), onclick: does }, words);
    const own = weights && weights !== "random";
    const focused = document.activeElement?.textContent;
    const within = this.chosen.contains(document.activeElement);
    this.chosen.replaceChildren(
      h("div", { class: "row spread" }, h("div", {}, h("span", { class: "soft" }, "Dreams now"), h("h2", { class: "name" }, model)),
        model === app.controls.model ? "" : h("button", { type: "button", class: "small", onclick: () => this.use({ name: app.controls.model, objective: app.controls.models.find((each) => each.name === app.controls.model).objective }) }, `Back to ${app.controls.model}`)),
      h("p", {}, objective ? h("span", {}, "Unless told it dreams of ", h("code", {}, objective), ".") : "What it dreams of unless told is known once it is loaded."),
      h("div", { class: "row", role: "group", "aria-label": "Its weights" }, h("span", { class: "label" }, "Weights"),
        radio("Trained", !weights, () => app.store.set({ weights: null, weightsName: null })),
        radio("Untrained", weights === "random", () => app.store.set({ weights: "random", weightsName: null })),
        own && radio(weightsName || "A file of its own", true, () => {}),
        h("button", { type: "button", class: "small quiet", onclick: () => this.file.click() }, "A file of yours")),
      h("small", { class: "soft" }, this.trying ? `Trying ${this.trying.name} with ${model}` : weights === "random" ? "It never saw a picture: its dreams show what the architecture alone prefers." : "Or drop a file (.safetensors, .h5) on this page; it is tried with the network that dreams now."));
    if (within) [...this.chosen.querySelectorAll("button")].find((each) => each.textContent === focused)?.focus();
    for (const each of this.known.values()) each.card.mark(each.told.name === model);
  }
}

function place(parent, elements) {
  const wanted = new Set(elements);
  for (const each of [...parent.children]) if (!wanted.has(each)) each.remove();
  elements.forEach((each, n) => { if (parent.children[n] !== each) parent.insertBefore(each, parent.children[n] || null); });
}
