// The frame of the page: rooms, what is dropped anywhere, messages, dark and light.
import { api } from "./api.js";
import { h } from "./dom.js";
import { rooms } from "./rooms.js";
import { EMPTY, Store } from "./store.js";

const store = new Store();
const app = { api, store, controls: null, toast, go, receive, restore, get state() { return store.state; } };

function toast(text, kind = "") {
  const made = h("div", { class: `toast ${kind}` }, h("span", {}, String(text)),
    h("button", { type: "button", class: "quiet icon small", "aria-label": "Close this message", onclick: () => made.remove() }, "✕"));
  const all = document.getElementById("toasts");
  while (all.children.length > 3) all.firstChild.remove();
  all.append(made);
  raiseToasts(all);
  setTimeout(() => made.remove(), kind === "bad" ? 14000 : 5000);
}

// Messages lie above a dialog that is open, too.
function raiseToasts(all) {
  if (!all.showPopover || !document.querySelector("dialog[open]")) return;
  all.popover = "manual";
  if (all.matches(":popover-open")) all.hidePopover();
  all.showPopover();
}

// Files that were dropped, pasted or chosen. A picture that Reverie made restores every control; returns what arrived.
async function receive(file, told) {
  try {
    const upload = await api.upload(file, told);
    if (upload.state) { await restore(upload.state, upload.name); return upload; }
    return upload;
  } catch (error) { toast(error.message, "bad"); return null; }
}

// They are for the room in which they were dropped, even if another one is shown once they have arrived.
async function takeFiles(files) {
  const room = shown;
  for (const file of files) {
    const upload = await receive(file);
    if (!upload || upload.state) continue;
    if (room.receive && room.receive(upload) !== false) continue;
    if (upload.kind === "film") { store.set({ film: upload }); go("film"); }
    else if (upload.kind === "picture") { store.set({ input: upload }); go("dream"); }
    else { rooms.find((each) => each.name === "networks").receive(upload); go("networks"); }
  }
}

// Every control as it was when a picture was made.
async function restore(state, name) {
  const { kind, missing = [], input, ...rest } = state;
  if (["film", "zoom", "morph"].includes(kind)) {
    store.set({ ...EMPTY, dream: store.state.dream, ...pick(rest), filmed: state, ...(kind === "film" ? { film: input } : { input: input || { example: true } }) });
    go("film");
  } else if (kind === "visualize") {
    store.set({ objective: rest.objective, model: rest.model, visual: rest.settings });
    go("wishes");
  } else {
    const { dream, film, filming } = store.state;
    store.set({ ...EMPTY, dream, film, filming, ...pick(rest), input: input || store.state.input });
    go("dream");
  }
  document.dispatchEvent(new CustomEvent("restored"));
  toast(missing.length ? `Every control is as it was for ${name}. Not here any more: ${missing.join(", ")}; drop it, too.` : `Every control is as it was for ${name}.`);
}

function pick(state) {
  const names = ["model", "weights", "engine", "objective", "preset", "settings", "guides", "masks"];
  return Object.fromEntries(names.filter((name) => state[name] !== undefined && state[name] !== null).map((name) => [name, state[name]]));
}

let shown = rooms[0];

function go(name) { if (location.hash !== `#${name}`) location.hash = name; else show(); }

function show() {
  const name = location.hash.slice(1) || "dream";
  const room = rooms.find((each) => each.name === name) || rooms[0];
  if (shown !== room) shown.left?.();
  shown = room;
  const main = document.getElementById("room");
  if (!room.element) {
    room.element = h("section", { "aria-label": room.title });
    main.append(room.element);
    room.mount(app, room.element);
  }
  for (const each of rooms) if (each.element) each.element.hidden = each !== room;
  for (const link of document.querySelectorAll("#nav a")) {
    if (link.hash === `#${room.name}`) link.setAttribute("aria-current", "page"); else link.removeAttribute("aria-current");
  }
  document.title = room.name === "dream" ? "Reverie" : `${room.title} · Reverie`;
  room.entered?.();
}

function dressTheme() {
  const root = document.documentElement, light = matchMedia("(prefers-color-scheme: light)");
  let chosen = null;
  try { chosen = localStorage.getItem("reverie-theme"); } catch { /* as the system has it */ }
  const dress = () => { root.dataset.theme = chosen || (light.matches ? "light" : "dark"); };
  light.addEventListener("change", dress);
  document.getElementById("theme").addEventListener("click", () => {
    chosen = root.dataset.theme === "light" ? "dark" : "light";
    try { localStorage.setItem("reverie-theme", chosen); } catch { /* for this visit, then */ }
    dress();
  });
  dress();
}

function catchFiles() {
  const veil = document.getElementById("veil");
  let depth = 0;
  const carries = (event) => event.dataTransfer?.types.includes("Files");
  addEventListener("dragenter", (event) => { if (carries(event)) { depth++; veil.hidden = false; event.preventDefault(); } });
  addEventListener("dragover", (event) => { if (carries(event)) event.preventDefault(); });
  addEventListener("dragleave", () => { depth = Math.max(0, depth - 1); if (!depth) veil.hidden = true; });
  addEventListener("drop", (event) => {
    depth = 0; veil.hidden = true;
    if (carries(event)) { event.preventDefault(); takeFiles([...event.dataTransfer.files]); }
  });
  addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files || [])];
    if (files.length) { event.preventDefault(); takeFiles(files); }
  });
}

app.takeFiles = takeFiles;

async function begin() {
  dressTheme();
  catchFiles();
  document.getElementById("nav").append(...rooms.map((room) => h("a", { href: `#${room.name}` }, room.title)));
  try { app.controls = await api.get("/studio/controls"); } catch (error) {
    document.getElementById("room").append(h("p", { class: "lonely" }, error.message));
    return;
  }
  addEventListener("hashchange", show);
  show();
}

begin();
