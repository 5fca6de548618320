// The server, asked: every answer that is no success becomes an Error whose message is one line for the visitor.

async function read(response) {
  if (response.ok) return response;
  let told = null;
  try { told = (await response.json()).error; } catch { /* no JSON came */ }
  const error = new Error(told || `the studio answered ${response.status}: try again`);
  error.status = response.status;
  throw error;
}

async function ask(path, options = {}) {
  try { return await read(await fetch(path, options)); } catch (error) {
    if (error instanceof TypeError) throw new Error("the studio does not answer: is it still running?");
    throw error;
  }
}

const asJson = (body) => ({ method: "POST", body: JSON.stringify(body), headers: { "Content-Type": "application/json" } });

export const api = {
  get: async (path) => (await ask(path)).json(),
  post: async (path, body = {}) => (await ask(path, asJson(body))).json(),
  blob: async (path, body) => (await ask(path, asJson(body))).blob(),
  remove: async (path) => (await ask(path, { method: "DELETE" })).json(),

  // Sends a file; `told` is called with the share that has arrived.
  upload(file, told = () => {}) {
    return new Promise((done, failed) => {
      const request = new XMLHttpRequest();
      request.open("POST", `/studio/uploads/${encodeURIComponent(file.name || "pasted.png")}`);
      request.responseType = "json";
      request.upload.onprogress = (event) => event.lengthComputable && told(event.loaded / event.total);
      request.onload = () => {
        if (request.status === 200) done(request.response);
        else failed(new Error(request.response?.error || `the studio answered ${request.status}`));
      };
      request.onerror = () => failed(new Error(`${file.name} did not arrive: it may be too large, or the studio stopped`));
      request.send(file);
    });
  },

  // Everything new about a dream until it is over; returns a function that stops listening.
  follow(key, side, told) {
    const source = new EventSource(`/studio/dreams/${encodeURIComponent(key)}/events?side=${Math.round(side)}`);
    source.onmessage = (event) => {
      const news = JSON.parse(event.data);
      if (["done", "failed", "canceled"].includes(news.state)) source.close();
      told(news);
    };
    source.onerror = () => { if (source.readyState === EventSource.CLOSED) told({ state: "failed", error: "the studio does not answer any more" }); };
    return () => source.close();
  },
};
