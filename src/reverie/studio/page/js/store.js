// What the page is about to dream of: one value for all rooms, kept for as long as the tab is open.

const KEY = "reverie";

export const EMPTY = {
  input: null,          // {key, name, width, height, kind}, or {example: true}
  model: "squeezenet",
  weights: null,        // the key of a file of weights, or "random"; null: the network's own
  weightsName: null,    // what that file is called
  engine: "torch",
  objective: "",        // in words; empty: what the preset, or the network, dreams of
  preset: "default",
  settings: {},         // what was changed, by name
  guides: [],           // {key, name, weight}
  guide_mean: false,
  masks: [],            // {key, objective, color}
  dream: null,          // the key of the last dream of this tab
  film: null,           // the film that was dropped: {key, name, width, height, seconds, rate, frames, sound, bytes}
  filming: null,        // what the film room is about to make (film_state.js)
  filmed: null,         // the state of a film that was made, for the film room to take up
};

export class Store extends EventTarget {
  constructor() {
    super();
    this.state = { ...EMPTY };
    try { Object.assign(this.state, JSON.parse(sessionStorage.getItem(KEY) || "{}")); } catch { /* begin anew */ }
  }

  set(patch) {
    this.state = { ...this.state, ...patch };
    try { sessionStorage.setItem(KEY, JSON.stringify(this.state)); } catch { /* a full store is no reason to stop */ }
    this.dispatchEvent(new CustomEvent("change", { detail: patch }));
  }

  setting(name, value) {
    const settings = { ...this.state.settings };
    if (value === null || value === undefined || value === "") delete settings[name];
    else settings[name] = value;
    this.set({ settings });
  }

  // What is sent to dream it: files by their keys.
  asked() {
    const { input, model, weights, engine, objective, preset, settings, guides, guide_mean, masks } = this.state;
    return {
      input: input && !input.example ? input.key : null, model, weights, engine, objective, preset, settings, guide_mean,
      guides: guides.map(({ key, weight }) => ({ key, weight })),
      masks: masks.map(({ key, objective: own }) => ({ key, objective: own })),
    };
  }
}
