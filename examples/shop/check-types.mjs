// Checks with the TypeScript compiler that the requests to the stand-in for Stripe, and the objects that it returned, have
// stripe-node's types: check-types.mjs URL, where URL is that of the stand-in. stripe-node leaves its enums open, and uses
// a class for decimals, which are strings in JSON. So the compiler reads a copy of the types in which enums are closed and
// decimals are strings.

import { execFile } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { nodeModules } from "./fake-stripe/packages.mjs";

const CLOSED = [
  [/export type OtherString = [^;]+;/, "export type OtherString = never;"],
  [/export \{ Decimal \} from '\.\/Decimal\.js';/, "export type Decimal = string;"],
];

function closedTypes(folder) {
  const types = join(folder, "node_modules", "stripe");
  const isNeeded = (path) => !/\.(js|map)$|\/cjs(\/|$)/.test(path);
  cpSync(join(nodeModules, "stripe"), types, { recursive: true, filter: isNeeded });
  const shared = join(types, "esm", "shared.d.ts");
  let text = readFileSync(shared, "utf8");
  for (const [open, closed] of CLOSED) {
    if (!open.test(text)) throw new Error(`stripe-node's types have changed: no ${open}`);
    text = text.replace(open, closed);
  }
  writeFileSync(shared, text);
}

/** Returns the compiler's errors in a module. */
export async function checkTypes(source) {
  const folder = mkdtempSync(join(tmpdir(), "payments-types-"));
  try {
    closedTypes(folder);
    writeFileSync(join(folder, "package.json"), '{"type": "module"}');
    writeFileSync(join(folder, "checked.ts"), source);
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({
      compilerOptions: { strict: true, noEmit: true, skipLibCheck: true, module: "nodenext", target: "es2022", types: [] }, files: ["checked.ts"],
    }));
    const tsc = join(nodeModules, "typescript", "bin", "tsc");
    const { stdout } = await promisify(execFile)(process.execPath, [tsc, "--pretty", "false", "-p", folder], { cwd: folder, maxBuffer: 1 << 26 }).catch((error) => error);
    return stdout.split("\n").filter((line) => /^checked\.ts|error TS/.test(line)).map((line) => {
      const [, number] = /^checked\.ts\((\d+),/.exec(line) ?? [];
      return number ? `${line}\n    ${source.split("\n")[number - 1].slice(0, 200)}` : line;
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

if (process.argv[1]?.endsWith("check-types.mjs")) {
  const { requests, objects, source } = await (await fetch(`${process.argv[2]}/_fake/typescript`)).json();
  const wrong = await checkTypes(source);
  for (const line of wrong) console.log(line);
  console.log(`${requests} requests and ${objects} objects; ${wrong.length} wrong`);
  process.exit(wrong.length > 0 || requests === 0 ? 1 : 0);
}
