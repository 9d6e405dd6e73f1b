// Parses Stripe's form encoding: line_items[0][price]=… or types[]=…, nested to any depth.

import { refuse } from "./error.mjs";

function keysOf(name) {
  const [, first, rest] = /^([^[\]]+)((?:\[[^[\]]*\])*)$/.exec(name) ?? refuse(`Invalid parameter name: ${name}`);
  return [first, ...[...rest.matchAll(/\[([^[\]]*)\]/g)].map((match) => match[1])];
}

function put(target, keys, value, name) {
  const [key, ...rest] = keys;
  const place = key === "" ? String(Object.keys(target).length) : key;
  if (rest.length === 0) {
    if (place in target) refuse(`Parameter given twice: ${name}`, name);
    target[place] = value;
  } else {
    target[place] ??= Object.create(null);
    if (typeof target[place] === "string") refuse(`Invalid object: ${name}`, name);
    put(target[place], rest, value, name);
  }
}

/** Returns nested objects of strings. A list becomes an object with the keys 0, 1, …, which types.mjs turns into an array. */
export function parseForm(text) {
  const params = Object.create(null);
  for (const [name, value] of new URLSearchParams(text)) put(params, keysOf(name), value, name);
  return params;
}
