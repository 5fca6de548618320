// A wish as a list of terms, and as words.

export function spellTerms(terms) {
  return terms.map((term, number) => {
    const size = Math.abs(term.weight), words = size === 1 ? term.words : `${Number(size.toFixed(3))}*${term.words}`;
    if (number === 0) return term.weight < 0 ? `-${words}` : words;
    return `${term.weight < 0 ? "-" : "+"} ${words}`;
  }).join(" ");
}

export function respell(term, power) {
  const base = term.words.replace(/\^\d+$/, "");
  return { ...term, power, words: power > 1 ? `${base}^${power}` : base };
}

const named = (state) => ({ model: state.model, weights: state.weights, engine: state.engine });

export class Wish extends EventTarget {
  constructor(app) {
    super();
    this.app = app;
    this.terms = [];
    this.error = null;
    this.words = null;
    app.store.addEventListener("change", (event) => { if ("objective" in event.detail || "model" in event.detail) this.read(); });
    this.read();
  }

  network() { return named(this.app.state); }

  // Reads what the store says, unless it was written here.
  async read(words = this.app.state.objective) {
    if (words === this.words) return;
    this.words = words;
    try {
      const told = await this.app.api.post("/studio/wish", { ...this.network(), words });
      if (words !== this.words) return;
      this.error = told.error;
      if (!told.error) this.terms = told.terms;
    } catch (error) { this.error = error.message; }
    this.dispatchEvent(new Event("change"));
  }

  write(terms) {
    this.terms = terms;
    this.error = null;
    this.words = spellTerms(terms);
    this.app.store.set({ objective: this.words });
    this.dispatchEvent(new Event("change"));
  }

  has(words) { return this.terms.some((term) => term.words.replace(/\^\d+$/, "") === words); }

  toggle(term) {
    const base = term.words.replace(/\^\d+$/, "");
    if (this.has(base)) this.write(this.terms.filter((each) => each.words.replace(/\^\d+$/, "") !== base));
    else this.write([...this.terms, { weight: 1, ...term }]);
  }
}
