// What the film room is about to make: its part of the store, and what is sent to make it.

export const KINDS = [["film", "Film"], ["zoom", "Zoom"], ["morph", "Morph"]];

export const FILMING = {
  kind: "film",
  motion: { film: {}, zoom: {}, morph: {} },        // what was changed of each kind's settings, by name
  encoding: {},
  ending: ".mp4",
  keyframes: { film: "", zoom: "", morph: "" },     // TOML
  wishes: ["", ""],                                 // of a morph
  range: null,                                      // [begin, end] of the film, in seconds; null: all of it
  dream: null,                                      // the key of the film that is being made, or was last
};

export function filmingOf(app) { return { ...FILMING, ...app.state.filming }; }

export function change(app, patch) { app.store.set({ filming: { ...filmingOf(app), ...patch } }); }

export function setMotion(app, name, value) {
  const { kind, motion } = filmingOf(app), own = { ...motion[kind] };
  if (value === null || value === undefined || value === "") delete own[name]; else own[name] = value;
  change(app, { motion: { ...motion, [kind]: own } });
}

export function setKeyframes(app, text) {
  const { kind, keyframes } = filmingOf(app);
  if (keyframes[kind] !== text) change(app, { keyframes: { ...keyframes, [kind]: text } });
}

// The part of the film that is chosen, in seconds.
export function rangeOf(app) {
  const { film } = app.state, { range } = filmingOf(app);
  if (!film) return [0, 0];
  const [begin, end] = range || [0, film.seconds];
  return [Math.max(0, Math.min(begin, film.seconds)), Math.min(end, film.seconds)];
}

const cut = (seconds) => `${(Math.floor(seconds * 1000 + 0.001) / 1000).toFixed(3)}s`;

export function motionOf(app) {
  const { kind, motion } = filmingOf(app), own = { ...motion[kind] };
  if (kind !== "film" || !app.state.film) return own;
  const [begin, end] = rangeOf(app);
  if (begin > 0) own.start = cut(begin);
  if (end < app.state.film.seconds - 0.0005) own.end = cut(end);
  return own;
}

// How many frames it will have, and how many a second.
export function countFrames(app) {
  const { kind } = filmingOf(app), { film } = app.state;
  if (kind === "film") {
    if (!film) return 0;
    const [begin, end] = rangeOf(app);
    return Math.max(1, Math.round((end - begin) * film.rate));
  }
  return Math.max(1, Math.round(settingOf(app, kind, "seconds") * settingOf(app, kind, "rate")));
}

// How long it will be, in seconds.
export function lengthOf(app) {
  const { kind } = filmingOf(app), [begin, end] = rangeOf(app);
  return kind === "film" ? end - begin || 1 : settingOf(app, kind, "seconds");
}

export function settingOf(app, kind, name) {
  const { motion } = filmingOf(app);
  return motion[kind][name] ?? app.controls.settings[kind].find((each) => each.name === name)?.default;
}

// What the dream's wish is in words, as far as the page knows it.
export function wishOf(app) {
  const { state } = app;
  const preset = app.controls.presets.find((each) => each.name === state.preset);
  const model = app.controls.models.find((each) => each.name === state.model);
  return state.objective || preset?.objectives[state.model] || model?.objective || "";
}

export const hasWishes = (text) => /^\s*(\[\[\s*wish\s*\]\]|wish\s*=)/m.test(text);

export function askedFilm(app) {
  const { kind, encoding, ending, keyframes, wishes } = filmingOf(app);
  const dream = app.store.asked();
  if (kind === "film") dream.input = app.state.film.key;
  if (kind === "zoom") { const { strength, ...rest } = dream.settings; dream.settings = rest; }  // it feeds on its own dream
  const text = keyframes[kind];
  return {
    dream, kind, motion: motionOf(app), encoding, ending, keyframes: text,
    wishes: kind === "morph" && !hasWishes(text) ? wishes.map((each) => each.trim()).filter(Boolean) : [],
  };
}

// A film that Reverie made, dropped or opened again: every control as it was.
export function takeUp(app, filmed) {
  const usual = (kind, values) => Object.fromEntries(Object.entries(values || {}).filter(([name, value]) => app.controls.settings[kind].find((each) => each.name === name)?.default !== value));
  const { start, end, ...motion } = usual(filmed.kind, filmed.motion);
  const film = filmed.input, seconds = (text) => String(text).replace(/s$/, "").split(":").reduce((sum, part) => 60 * sum + Number(part), 0);
  const range = filmed.kind === "film" && film?.seconds && (start || end) ? [start ? seconds(start) : 0, end ? seconds(end) : film.seconds] : null;
  app.store.set({ filmed: null, filming: {
    ...FILMING, kind: filmed.kind, range, dream: null, encoding: usual("encoding", filmed.encoding),
    motion: { ...FILMING.motion, [filmed.kind]: motion }, keyframes: { ...FILMING.keyframes, [filmed.kind]: filmed.keyframes || "" } } });
}

export function clock(seconds) {
  const minutes = Math.floor(seconds / 60), rest = (seconds - 60 * minutes).toFixed(2).padStart(5, "0");
  return minutes < 60 ? `${minutes}:${rest}` : `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")}:${rest}`;
}
