// The stream of states: snapshots, what changed since, and alerts.

import { patched } from "./patch.js";

/** Waits between tries, in milliseconds. */
const WAITS = [500, 1000, 2000, 5000, 10_000];
/** What an EventSource is that does not try again by itself. */
const CLOSED = 2;

export class Connection {
  constructor({ state, alert, status }) {
    Object.assign(this, { tell: state, alert, status, tries: 0, last: null, document: null });
  }

  /** Shows another view. */
  open({ range, zone }) {
    this.address = new URLSearchParams({ range, tz: zone });
    this.begin();
  }

  /** Begins anew, without what was there before. */
  begin() {
    this.last = null;
    this.document = null;
    this.connect();
  }

  connect() {
    clearTimeout(this.timer);
    this.source?.close();
    const address = new URLSearchParams(this.address);
    if (this.last) address.set("last-event-id", this.last);
    this.status("connecting", this.tries > 0 ? "Reconnecting" : "Connecting");
    const source = new EventSource(`/api/live?${address}`);
    this.source = source;
    const on = (kind, take) => source.addEventListener(kind, (event) => {
      if (source !== this.source) return;
      this.last = event.lastEventId || this.last;
      take(JSON.parse(event.data));
    });
    on("snapshot", (state) => this.show(state));
    on("patch", (operations) => this.change(operations));
    on("alert", (alert) => this.alert(alert));
    on("closed", ({ reason }) => { this.reason = reason; });
    source.onopen = () => { if (source === this.source) this.tries = 0; };
    source.onerror = () => { if (source === this.source) this.lost(source); };
  }

  show(document) {
    this.document = document;
    this.reason = null;
    this.status("live", "Live");
    this.tell(document);
  }

  change(operations) {
    if (this.document === null) return;
    try {
      this.show(patched(this.document, operations));
    } catch (error) {
      // What it belongs to is not what is here: all of it is asked for again.
      console.warn(`a change did not fit: ${error.message}`);
      this.begin();
    }
  }

  /** The browser tries again by itself, unless the server refused. */
  lost(source) {
    this.tries += 1;
    const why = this.reason ? ` (${this.reason})` : "";
    this.status("lost", `Reconnecting${why}`);
    if (source.readyState !== CLOSED) return;
    const wait = WAITS[Math.min(this.tries, WAITS.length) - 1];
    this.refused().then((said) => { if (said && source === this.source) this.status("lost", said); });
    this.timer = setTimeout(() => this.connect(), wait);
  }

  /** Why the server refuses, in its own words. */
  async refused() {
    try {
      const answer = await fetch(`/api/live?${this.address}`, { method: "HEAD" });
      if (answer.status === 401 || answer.status === 403) return "Log in again: reload the page";
      return answer.ok ? null : `The server refuses (${answer.status})`;
    } catch {
      return null;
    }
  }
}
