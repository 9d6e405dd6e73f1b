// Checks parameters against the types that stripe-node declares for its pinned API version. It finds unknown and missing
// parameters, wrong literals and wrong types. A small parser suffices, because the declarations are generated and regular.
// stripe-node leaves most enums open for newer values (`| OtherString`); here they are closed.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { refuse } from "./error.mjs";
import { nodeModules } from "./packages.mjs";

const TOKEN = /\s+|\/\*[\s\S]*?\*\/|\/\/[^\n]*|('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[\w$]+|=>|\.\.\.|[{}[\]()<>:;,.?|&=*!-])/gy;

function tokensOf(text) {
  return [...text.matchAll(TOKEN)].map((match) => match[1]).filter((token) => token !== undefined);
}

class Declarations {
  constructor(text) {
    this.tokens = tokensOf(text);
    this.at = 0;
    this.found = new Map();
    while (this.at < this.tokens.length) this.statement([]);
  }
  peek(offset = 0) {
    return this.tokens[this.at + offset];
  }
  take(expected) {
    const token = this.tokens[this.at++];
    if (expected !== undefined && token !== expected) throw new Error(`expected ${expected}, found ${token}`);
    return token;
  }
  accept(token) {
    return this.peek() === token && Boolean(this.take());
  }
  skipBlock() {
    let depth = 0;
    do {
      const token = this.take();
      depth += token === "{" ? 1 : token === "}" ? -1 : 0;
    } while (depth > 0);
  }
  statement(scope) {
    while (this.accept("export") || this.accept("declare"));
    const word = this.peek();
    if (word === "namespace") {
      this.take();
      const inner = [...scope, this.take()];
      this.take("{");
      while (!this.accept("}")) this.statement(inner);
    } else if (word === "interface") {
      this.take();
      const name = this.take();
      const bases = [];
      if (this.accept("extends")) do bases.push(this.type(scope)); while (this.accept(","));
      this.found.set([...scope, name].join("."), { ...this.members(scope), bases });
    } else if (word === "type" && this.peek(2) === "=") {
      this.take();
      const name = this.take();
      this.take("=");
      this.found.set([...scope, name].join("."), this.type(scope));
      this.accept(";");
    } else {
      // Imports, classes, functions and constants declare no parameters, so they are skipped.
      while (this.at < this.tokens.length && this.peek() !== "{" && this.peek() !== ";") this.take();
      if (this.peek() === "{") this.skipBlock();
      while (this.at < this.tokens.length && !/^(export|declare|namespace|interface|type|import|class)$/.test(this.peek()) && this.peek() !== "}") this.take();
    }
  }
  members(scope) {
    const object = { kind: "object", properties: new Map(), index: undefined, bases: [] };
    this.take("{");
    while (!this.accept("}")) {
      if (this.accept("[")) {
        while (this.take() !== "]");
        this.take(":");
        object.index = this.type(scope);
      } else {
        const name = this.take().replace(/^['"]|['"]$/g, "");
        const optional = this.accept("?");
        this.take(":");
        object.properties.set(name, { optional, type: this.type(scope) });
      }
      this.accept(";");
    }
    return object;
  }
  type(scope) {
    this.accept("|");
    const options = [this.single(scope)];
    while (this.accept("|")) options.push(this.single(scope));
    return options.length === 1 ? options[0] : { kind: "union", options };
  }
  single(scope) {
    const token = this.peek();
    if (token === "{") return this.members(scope);
    this.take();
    if (/^['"]/.test(token)) return { kind: "literal", value: token.slice(1, -1) };
    let name = token;
    while (this.accept(".")) name += `.${this.take()}`;
    const of = [];
    if (this.accept("<")) {
      do of.push(this.type(scope)); while (this.accept(","));
      this.take(">");
    }
    while (this.accept("&")) this.single(scope);
    return { kind: "name", name, of, scope };
  }
}

// An interface can refer to names of the namespaces around it, so members() gets the scope of the interface.
const files = new Map();
function declarationsOf(file) {
  if (!files.has(file)) {
    const text = readFileSync(join(nodeModules, "stripe", "esm", `${file}.d.ts`), "utf8");
    // Only the parameter types and the types that they refer to are needed, so classes are removed.
    files.set(file, new Declarations(text.replace(/export declare class [\s\S]*?\n}\n/g, "")).found);
  }
  return files.get(file);
}

function resolve(file, { name, scope }) {
  const found = declarationsOf(file);
  for (let depth = scope.length; depth >= 0; depth -= 1) {
    const path = [...scope.slice(0, depth), name].join(".");
    if (found.has(path)) return [file, found.get(path)];
  }
  const shared = declarationsOf("shared");
  if (shared.has(name)) return ["shared", shared.get(name)];
  throw new Error(`stripe-node declares no ${name} in ${file}`);
}

const at = (param, key) => (param ? `${param}[${key}]` : key);

function checkObject(file, type, value, param) {
  if (typeof value !== "object") refuse("Invalid object", param);
  const properties = new Map();
  let index;
  const collect = (where, { properties: own, index: ownIndex, bases }) => {
    for (const base of bases) collect(...resolve(where, base));
    for (const [name, property] of own) properties.set(name, [where, property]);
    index ??= ownIndex && [where, ownIndex];
  };
  collect(file, type);
  const checked = {};
  for (const [key, inner] of Object.entries(value)) {
    if (properties.has(key)) {
      const [where, property] = properties.get(key);
      checked[key] = check(where, property.type, inner, at(param, key));
    } else if (index) {
      checked[key] = check(...index, inner, at(param, key));
    } else {
      refuse(`Received unknown parameter: ${at(param, key)}`, at(param, key), "parameter_unknown");
    }
  }
  for (const [name, [, { optional }]] of properties) {
    if (!optional && !(name in value)) refuse(`Missing required param: ${at(param, name)}.`, at(param, name), "parameter_missing");
  }
  return checked;
}

function checkArray(file, type, value, param) {
  const keys = typeof value === "object" ? Object.keys(value) : refuse("Invalid array", param);
  if (keys.some((key, place) => key !== String(place))) refuse("Invalid array", param);
  return keys.map((key) => check(file, type, value[key], at(param, key)));
}

function checkUnion(file, options, value, param) {
  const literals = options.filter((option) => option.kind === "literal");
  if (typeof value === "string" && literals.some((literal) => literal.value === value)) return value;
  const others = options.filter((option) => option.kind !== "literal" && !/^(OtherString|null|undefined)$/.test(option.name));
  let refusal;
  for (const option of others) {
    try {
      return check(file, option, value, param);
    } catch (error) {
      refusal ??= error;
    }
  }
  if (refusal) throw refusal;
  const names = literals.map((literal) => literal.value);
  const list = names.length > 1 ? `one of ${names.slice(0, -1).join(", ")} or ${names.at(-1)}` : names[0];
  return refuse(`Invalid ${param}: must be ${list}`, param);
}

function checkText(name, value, param) {
  if (typeof value !== "string") refuse(`Invalid string: ${JSON.stringify(value)}`, param);
  if (value === "") {
    refuse(`You passed an empty string for '${param}'. We assume empty values are an attempt to unset a parameter; however '${param}' cannot be unset. `
      + `You should remove '${param}' from your request or supply a non-empty value.`, param, "parameter_invalid_empty");
  }
  if (name === "number") return /^-?\d+(\.\d+)?$/.test(value) ? Number(value) : refuse(`Invalid integer: ${value}`, param, "parameter_invalid_integer");
  if (name === "boolean") return /^(true|false)$/.test(value) ? value === "true" : refuse(`Invalid boolean: ${value}`, param);
  return value;
}

/** Returns the value converted to its type, or throws Stripe's error. */
function check(file, type, value, param) {
  if (type.kind === "union") return checkUnion(file, type.options, value, param);
  if (type.kind === "literal") return checkUnion(file, [type], value, param);
  if (type.kind === "object") return checkObject(file, type, value, param);
  if (type.name === "Array") return checkArray(file, type.of[0], value, param);
  if (type.name === "Emptyable") return value === "" ? "" : check(file, type.of[0], value, param);
  if (/^(string|number|boolean|Decimal)$/.test(type.name)) return checkText(type.name, value, param);
  return check(...resolve(file, type), value, param);
}

/** Checks the parsed form of a request against a declared type, such as Checkout.SessionCreateParams. */
export function checkParams(file, name, params) {
  return check(file, { kind: "name", name, of: [], scope: [] }, params, "");
}
