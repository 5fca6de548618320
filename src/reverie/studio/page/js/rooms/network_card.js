// One network on the shelf: what it is, whether it is here, and what can be done with it.
import { bytes, h } from "../dom.js";
import { copyBox } from "../parts.js";

const BEAT = 400;

export function makeCard(app, room, told) { return new Card(app, room, told); }

class Card {
  constructor(app, room, told) {
    this.app = app;
    this.room = room;
    this.name = h("h3", { class: "name" });
    this.chip = h("span", { class: "chip", hidden: true }, "dreams now");
    this.about = h("p", { class: "soft" });
    this.facts = h("p", { class: "numbers" });
    this.needs = h("div", {});
    this.bar = h("i", {});
    this.progress = h("div", { class: "stack tight", hidden: true }, h("div", { class: "bar" }, this.bar));
    this.status = h("small", { class: "soft", role: "status" });
    this.trouble = h("p", { class: "trouble", role: "alert", hidden: true });
    this.useIt = h("button", { type: "button", class: "small", onclick: () => this.room.use(this.told) }, "Use");
    this.get = h("button", { type: "button", class: "small", onclick: () => this.fetch() }, "Get");
    this.halt = h("button", { type: "button", class: "small", hidden: true, onclick: () => this.stop() }, "Cancel");
    this.open = h("button", { type: "button", class: "small quiet", "aria-expanded": "false", onclick: () => this.look() }, "Look inside");
    this.inside = h("div", { hidden: true });
    this.element = h("li", { class: "card stack tight" }, h("div", { class: "row spread" }, this.name, this.chip), this.about, this.facts, this.needs,
      this.progress, this.status, this.trouble, h("div", { class: "row" }, this.useIt, this.get, this.halt, this.open), this.inside);
    this.show(told);
  }

  focus() { (this.useIt.hidden ? this.get.hidden ? this.open : this.get : this.useIt).focus(); }

  mark(on) {
    this.chip.hidden = !on;
    this.element.classList.toggle("chosen", on);
    this.useIt.disabled = on && !this.app.state.weights;
  }

  show(told) {
    this.told = told;
    const keras = told.name.startsWith("keras:");
    this.name.textContent = told.name;
    this.about.textContent = told.about;
    const facts = [
      told.parameters && ["parameters", told.parameters.toLocaleString("en")],
      told.megabytes && ["size", `${told.megabytes} MB`],
      told.layers && ["layers", String(told.layers.length)],
      told.objective && ["dreams of", told.objective]];
    this.facts.replaceChildren(...facts.filter(Boolean).map(([name, text]) => h("span", {}, `${name} `, h("b", {}, text))));
    this.facts.hidden = !this.facts.children.length;
    this.dressButtons(keras);
    if (this.needed === told.needs) return;
    this.needed = told.needs;
    const line = told.needs?.split(": ").pop();
    this.needs.replaceChildren(...told.needs ? [h("p", {}, `It needs a library that is not installed. Install it, and start the studio again:`), copyBox(line, this.app, "The line that installs it")] : []);
  }

  dressButtons(keras) {
    const { told, download } = this, running = download?.state === "running";
    this.useIt.hidden = Boolean(told.needs) || running || !(told.here || keras);
    this.get.hidden = Boolean(told.needs) || running || keras || told.here !== false;
    this.get.textContent = told.megabytes ? `Get, ${told.megabytes} MB` : "Get";
    this.get.setAttribute("aria-label", `Get ${told.name}`);
    this.useIt.setAttribute("aria-label", `Use ${told.name}`);
    this.open.setAttribute("aria-label", `Look inside ${told.name}`);
    this.halt.hidden = !running;
    this.open.hidden = Boolean(told.needs);
    this.progress.hidden = !running;
    if (!running) this.status.textContent = keras && !told.needs ? "Keras fetches its weights when it is first dreamed with." : told.here === null && !told.needs ? "Not known yet whether it is here." : "";
  }

  complain(words) { this.trouble.textContent = words; this.trouble.hidden = !words; }

  async fetch() {
    this.complain("");
    this.get.disabled = true;
    try {
      await this.watch(await this.app.api.post("/studio/networks/fetch", { model: this.told.name }));
      this.halt.focus();
    } catch (error) { this.complain(error.message); } finally { this.get.disabled = false; }
  }

  // Asks how far the download is until it is over.
  watch(download) {
    if (this.download?.state === "running" && this.download.key === download.key) return;
    this.hear(download);
    const timer = setInterval(async () => {
      try { this.hear(await this.app.api.get(`/studio/downloads/${download.key}`)); } catch (error) { this.hear({ ...download, state: "failed", error: error.message }); }
      if (this.download.state !== "running") { clearInterval(timer); this.end(); }
    }, BEAT);
  }

  hear(download) {
    this.download = download;
    const { done, total } = download;
    this.bar.style.width = total ? `${(100 * done) / total}%` : "0";
    this.dressButtons(false);
    if (download.state === "running") this.status.textContent = !done ? "Asking for it" : total ? `${bytes(done)} of ${bytes(total)}` : bytes(done);
  }

  async end() {
    const { state, error } = this.download;
    if (state === "failed") this.complain(error);
    if (state === "canceled") this.status.textContent = "Canceled; nothing of it was kept.";
    if (state !== "done") { if (document.activeElement === document.body) this.get.focus(); return; }
    this.app.toast(`${this.told.name} is here now.`);
    this.room.learn({ ...this.told, here: true });
    this.room.draw();
    this.focus();
  }

  async stop() { await this.app.api.post(`/studio/downloads/${this.download.key}/stop`).catch((error) => this.complain(error.message)); }

  // The layers, from the network itself: it is built with random weights, so nothing is downloaded.
  async look() {
    const open = this.open.getAttribute("aria-expanded") !== "true";
    this.open.setAttribute("aria-expanded", String(open));
    this.open.textContent = open ? "Close" : "Look inside";
    this.inside.hidden = !open;
    if (!open || this.told.layers) return;
    this.complain("");
    this.inside.replaceChildren(h("p", { class: "soft", role: "status" }, "Building it, to see its layers"));
    try {
      const found = await this.room.look({ model: this.told.name });
      this.room.learn({ ...this.told, ...found });
      this.inside.replaceChildren(tableOf(found.layers, this.told.name), h("div", { class: "row untrained" },
        h("button", { type: "button", class: "small", onclick: () => this.room.use(this.told, "random") }, "Use it untrained"), h("small", { class: "soft" }, "It never saw a picture; nothing is fetched.")));
    } catch (error) { this.complain(error.message); this.inside.replaceChildren(); }
  }
}

function tableOf(layers, name) {
  const cells = (row) => [row.layer, row.channels, row.stride || "", row.receptive_field, row.parameters ? row.parameters.toLocaleString("en") : ""];
  return h("div", { class: "layers", tabIndex: 0, role: "group", "aria-label": `The layers of ${name}` }, h("table", {},
    h("thead", {}, h("tr", {}, ...["Layer", "Channels", "Stride", "Sees", "Parameters"].map((each) => h("th", { scope: "col" }, each)))),
    h("tbody", {}, ...layers.map((row) => h("tr", {}, ...cells(row).map((each, n) => n ? h("td", {}, String(each)) : h("th", { scope: "row" }, each)))))));
}
