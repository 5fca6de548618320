// Elements by name, with what they have: h("button", {class: "main", onclick: go}, "Dream").

export function h(tag, has = {}, ...children) {
  const made = document.createElement(tag);
  give(made, has);
  made.append(...children.flat().filter((each) => each !== null && each !== undefined && each !== false));
  return made;
}

export function s(tag, has = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(has)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

function give(made, has) {
  for (const [name, value] of Object.entries(has)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name === "class") made.className = value;
    else if (name in made && !name.startsWith("aria") && name !== "list" && name !== "form") made[name] = value;
    else made.setAttribute(name, value === true ? "" : value);
  }
}

let count = 0;
export const newId = (what = "it") => `${what}-${++count}`;

export function percent(share) { return `${Math.round(share * 100)} %`; }

export function duration(seconds) {
  if (seconds === null || seconds === undefined) return "";
  if (seconds < 90) return `${Math.max(0, Math.round(seconds))} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}

// A score: in full where it is large, else its first digits.
export function score(value) { return Math.abs(value) >= 1000 ? Math.round(value).toLocaleString("en") : value.toPrecision(4); }

export function bytes(many) {
  if (many < 1e6) return `${Math.max(1, Math.round(many / 1e3))} kB`;
  return many < 1e9 ? `${(many / 1e6).toFixed(1)} MB` : `${(many / 1e9).toFixed(2)} GB`;
}

// The last call of a busy function alone: while one runs, the newest arguments wait, and older ones are dropped.
export function newestOnly(work) {
  let busy = false, waiting = null;
  return async function run(...words) {
    if (busy) { waiting = words; return; }
    busy = true;
    try { await work(...words); } finally {
      busy = false;
      if (waiting) { const next = waiting; waiting = null; run(...next); }
    }
  };
}
