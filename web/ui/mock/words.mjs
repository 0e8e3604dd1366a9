// The sentences of statusd, as words.json has them: tests/unit/web/words_test.cc writes and checks it.
import { readFileSync } from "node:fs";

const words = JSON.parse(readFileSync(new URL("./words.json", import.meta.url), "utf8"));

const filled = (text, values) =>
  text.replace(/\{(\w+)\}/g, (all, name) => String(values[name] ?? all)).replace(/\b1 peers\b/, "1 peer");

/** The sentence of a "peers", "customers" or "events" entry; `values` fill its gaps. */
export function sentence(group, name, values = {}) {
  return filled(words[group][name], values);
}

/** Which entry of "events" it is: that of a peer, unless a connection or a customer has its own. */
export function wordsOf(kind, peer, connection) {
  const own = connection !== null ? `${kind} connection` : peer === null ? `${kind} customer` : kind;
  return words.events[own] === undefined ? kind : own;
}

export function alarmWords(kind, values = {}) {
  const { sentence, what_to_do } = words.alarms[kind];
  return { sentence: filled(sentence, values), what_to_do };
}

export function dropWords(name) {
  return { name, ...words.drops[name] };
}

/** As span_text() in web/model/sentences.cc. */
export function span(seconds) {
  if (seconds < 120) return `${Math.floor(seconds)} s`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86_400)} days`;
}
