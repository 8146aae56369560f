// One event stream for all pages of this browser. A browser opens six
// connections to a server and no more, and an event stream holds one: with each
// page holding its own, the seventh page would get no answer at all. So the page
// that holds a lock has the stream, and passes on what comes to the others. When
// it closes, another takes the lock and resumes where the stream broke off. Lock and
// channel are a person's: what one may see never reaches the page of another.

import { readSession } from "./session";

/** Feed is told what comes. */
export interface Feed {
  /** an event of the stream, in the order in which the recorder sent them */
  event(name: string, body: string): void;
  /** the stream was opened: from now on nothing is missed. continued: nor was anything before. */
  opened(continued: boolean): void;
}

type Word =
  | { is: "event"; name: string; body: string; id: string }
  | { is: "opened"; continued: boolean }
  | { is: "came" } // a page that has nothing yet
  | { is: "silent" } // a page that hears nothing
  | { is: "here" }; // the answer to it

const names = ["site", "health", "cameras", "containment", "attempts", "clock", "reset"];
const shares = "locks" in navigator && "BroadcastChannel" in self;
const answerWithin = 3000; // ms in which a page that has the stream answers

let feed: Feed;
let lock = "";
let source: EventSource | undefined;
let id = ""; // of the last event
let answered = true;

/** channel to the other pages; where a browser has no locks each page has its own stream */
let channel: BroadcastChannel | undefined;

function say(w: Word): void {
  channel?.postMessage(w);
}

function take(w: Word): void {
  switch (w.is) {
    case "event":
      if (w.id) id = w.id;
      feed.event(w.name, w.body);
      break;
    case "opened":
      feed.opened(w.continued);
      break;
    case "here":
      answered = true;
      break;
    case "came":
    case "silent":
      if (!source) break;
      say({ is: "here" });
      open(); // the recorder says everything anew, to all
      break;
  }
}

function tell(w: Word): void {
  say(w);
  take(w);
}

function open(): void {
  source?.close();
  const es = new EventSource("/api/v1/events" + (id ? "?since=" + encodeURIComponent(id) : ""));
  source = es;
  // Also when the browser opened it anew by itself: then it gave the id.
  es.onopen = () => source === es && tell({ is: "opened", continued: id !== "" });
  for (const name of names) {
    es.addEventListener(name, (e: MessageEvent<string>) => {
      if (source === es) tell({ is: "event", name, body: e.data, id: e.lastEventId });
    });
  }
  es.onerror = () => {
    if (source !== es) return;
    void readSession(); // it may have ended because the session did
    // The browser comes again by itself unless the answer was no event stream.
    if (es.readyState === EventSource.CLOSED) setTimeout(() => source === es && open(), 2000);
  };
}

/** lead waits for the lock, and has the stream for as long as it has that. */
function lead(steal: boolean): void {
  navigator.locks
    .request(lock, steal ? { steal } : {}, () => {
      open();
      return new Promise<never>(() => undefined); // until the page goes, or the lock is taken away
    })
    .catch(() => {
      source?.close(); // taken away
      source = undefined;
      lead(false);
    });
}

/** follow begins; what comes is told to f. person is whose pages share the stream. */
export function follow(f: Feed, person: string): void {
  feed = f;
  lock = "stockade-events " + person;
  if (!shares) {
    open();
    return;
  }
  channel = new BroadcastChannel(lock);
  channel.onmessage = (e: MessageEvent<Word>) => take(e.data);
  say({ is: "came" });
  lead(false);
}

/** revive opens the stream anew because nothing was heard for long; the lock of a page that hangs is taken away. */
export function revive(): void {
  if (source || !channel) {
    open();
    return;
  }
  answered = false;
  say({ is: "silent" });
  setTimeout(() => {
    if (!answered && !source) lead(true);
  }, answerWithin);
}
