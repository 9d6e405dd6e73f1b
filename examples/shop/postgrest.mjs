// A small stand-in for PostgREST, only for the sample shop and its test. It is NOT PostgREST.
//
// It does in the database what PostgREST does. It runs each request in one transaction, with the role and the claims of the
// user. It supports GET /table with select, filters, order and limit, and POST /rpc/function with named arguments, and maps
// the SQLSTATE of an error to an HTTP status. It does not check tokens: anybody who sends `Authorization: Bearer ada` is Ada.
// So it listens on loopback only.
//
// Source: https://docs.postgrest.org/en/stable/references/transactions.html, …/api/tables_views.html, …/errors.html.

import { require } from "./fake-stripe/packages.mjs";

const { Pool, escapeIdentifier } = require("pg");

const SCHEMAS = ["public", "payments"]; // PostgREST's setting db-schemas; the first is the default
const OPERATORS = { eq: "=", neq: "<>", gt: ">", gte: ">=", lt: "<", lte: "<=", like: "like", ilike: "ilike" };
// PostgREST's table of statuses, from the most specific to the most general pattern.
const STATUS = [
  [/^PT(\d{3})$/, (match) => Number(match[1])], [/^(23503|23505)$/, 409], [/^25006$/, 405], [/^(42883|42P01)$/, 404], [/^42P17$/, 500],
  [/^P0001$/, 400], [/^53400$/, 500], [/^08/, 503], [/^(0L|0P|28)/, 403], [/^53/, 503], [/^54/, 413], [/^(09|25|2D|38|39|3B|40|55|57|58|F0|HV|P0|XX)/, 500],
];

class Refusal extends Error {
  constructor(status, code, message) {
    super(message);
    Object.assign(this, { status, code });
  }
}

function statusOf(error, role) {
  if (error instanceof Refusal) return error.status;
  if (error.code === "42501") return role === "anon" ? 401 : 403;
  for (const [pattern, status] of STATUS) {
    const match = pattern.exec(error.code ?? "");
    if (match) return typeof status === "function" ? status(match) : status;
  }
  return error.code?.length === 5 ? 400 : 500;
}

/** Returns the claims of a request: those of the user that the token names, or of an anonymous visitor. */
function claimsOf(headers) {
  const [, user] = /^Bearer (\w+)$/.exec(headers.authorization ?? "") ?? [];
  return user ? { sub: user, role: "authenticated" } : { role: "anon" };
}

function condition(column, text, values) {
  const [, not, operator, operand] = /^(not\.)?(\w+)\.(.*)$/s.exec(text) ?? [];
  let sql;
  if (operator in OPERATORS) {
    values.push(["like", "ilike"].includes(operator) ? operand.replaceAll("*", "%") : operand);
    sql = `${escapeIdentifier(column)} ${OPERATORS[operator]} $${values.length}`;
  } else if (operator === "in" && /^\(.*\)$/s.test(operand)) {
    const list = operand.slice(1, -1).match(/"(?:[^"\\]|\\.)*"|[^,]+/g) ?? [];
    const places = list.map((item) => `$${values.push(item.startsWith('"') ? JSON.parse(item) : item)}`);
    sql = places.length > 0 ? `${escapeIdentifier(column)} in (${places.join(", ")})` : "false";
  } else if (operator === "is" && /^(null|true|false|unknown)$/i.test(operand)) {
    sql = `${escapeIdentifier(column)} is ${operand}`;
  } else {
    throw new Refusal(400, "PGRST100", `"failed to parse filter (${text})"`);
  }
  return not ? `not (${sql})` : sql;
}

function order(text) {
  return text.split(",").map((item) => {
    const [column, ...words] = item.split(".");
    const clauses = { asc: "asc", desc: "desc", nullsfirst: "nulls first", nullslast: "nulls last" };
    return [escapeIdentifier(column), ...words.map((word) => clauses[word] ?? "")].join(" ");
  }).join(", ");
}

/** Returns the query for GET /table. It does not support embedded tables. */
function read(schema, table, params) {
  const values = [];
  const selected = params.get("select") || "*";
  const columns = selected.split(",").map((one) => {
    const [, alias, name, cast] = /^(?:(\w+):)?(\*|\w+)(?:::(\w+))?$/.exec(one.trim()) ?? [];
    if (!name) throw new Refusal(400, "PGRST100", `"failed to parse select parameter (${selected})"`);
    return name === "*" ? "*" : `${escapeIdentifier(name)}${cast ? `::${escapeIdentifier(cast)}` : ""} as ${escapeIdentifier(alias ?? name)}`;
  });
  const where = [];
  for (const [name, text] of params) if (!["select", "order", "limit", "offset"].includes(name)) where.push(condition(name, text, values));
  let sql = `select ${columns.join(", ")} from ${escapeIdentifier(schema)}.${escapeIdentifier(table)}`;
  if (where.length > 0) sql += ` where ${where.join(" and ")}`;
  if (params.get("order")) sql += ` order by ${order(params.get("order"))}`;
  for (const word of ["limit", "offset"]) if (/^\d+$/.test(params.get(word) ?? "")) sql += ` ${word} ${params.get(word)}`;
  return { sql: `select coalesce(json_agg(r), '[]')::text as body from (${sql}) r`, values };
}

const SIGNATURE = `
  select p.proretset as returns_set, t.typtype in ('c', 'p') as returns_row, p.provolatile as volatile,
         coalesce(p.proargnames[1:cardinality(p.proargtypes)], '{}') as names,
         array(select format_type(type, null) from unnest(p.proargtypes) with ordinality as a(type, place) order by place) as types
    from pg_proc p join pg_namespace n on n.oid = p.pronamespace join pg_type t on t.oid = p.prorettype
   where n.nspname = $1 and p.proname = $2`;

/** Returns the query for POST /rpc/function. It calls the overload with the given argument names, or the one with a single
 * unnamed argument. */
async function call(client, schema, name, body) {
  const { rows } = await client.query(SIGNATURE, [schema, name]);
  const given = Object.keys(body.startsWith("{") ? JSON.parse(body) : {});
  const found = rows.find(({ names }) => given.every((one) => names.includes(one)))
    ?? rows.find(({ names, types }) => types.length === 1 && /^jsonb?$/.test(types[0]) && !names[0]);
  if (!found) throw new Refusal(404, "PGRST202", `Could not find the function ${schema}.${name}(${given.join(", ")}) in the schema cache`);
  const callee = `${escapeIdentifier(schema)}.${escapeIdentifier(name)}`;
  const unnamed = found.types.length === 1 && !found.names[0];
  const taken = found.names.map((one, place) => [one, found.types[place]]).filter(([one]) => given.includes(one));
  const record = taken.length > 0 ? `json_to_record($1::json) as given(${taken.map(([one, type]) => `${escapeIdentifier(one)} ${type}`).join(", ")})` : "(select $1::json) as given";
  const source = unnamed ? `${callee}($1::json)` : `${record}, lateral ${callee}(${taken.map(([one]) => `${escapeIdentifier(one)} := given.${escapeIdentifier(one)}`).join(", ")})`;
  const rowSource = found.returns_row || found.returns_set ? "to_json(answer)" : "to_json(answer.*)";
  const sql = found.returns_set
    ? `select coalesce(json_agg(answer), '[]')::text as body from ${source} as answer`
    : `select ${rowSource}::text as body from ${source} as answer`;
  return { sql, values: [body || "{}"] };
}

function settings(schema, claims, request) {
  const headers = Object.fromEntries(Object.entries(request.headers).filter(([name]) => name !== "authorization"));
  return [
    `select set_config('search_path', $1, true), set_config('role', $2, true), set_config('request.jwt.claims', $3, true),
            set_config('request.method', $4, true), set_config('request.path', $5, true), set_config('request.headers', $6, true),
            set_config('request.cookies', '{}', true)`,
    [`"${schema}", "public"`, claims.role, JSON.stringify(claims), request.method, request.path, JSON.stringify(headers)],
  ];
}

async function transaction(client, request, claims) {
  const { method, path, params, headers, body } = request;
  const profile = headers[method === "GET" ? "accept-profile" : "content-profile"] ?? SCHEMAS[0];
  if (!SCHEMAS.includes(profile)) throw new Refusal(406, "PGRST106", `Invalid schema: ${profile}`);
  const [, rpc, name] = /^\/(rpc\/)?([\w]+)$/.exec(path) ?? [];
  if (!name || !(method === (rpc ? "POST" : "GET"))) throw new Refusal(405, "PGRST117", `Unsupported HTTP method or path: ${method} ${path}`);
  await client.query(rpc ? "begin" : "begin read only");
  await client.query(...settings(profile, claims, request));
  const { sql, values } = rpc ? await call(client, profile, name, body) : read(profile, name, params);
  const { rows: [{ body: text }] } = await client.query(sql, values);
  const { rows: [{ status }] } = await client.query("select nullif(current_setting('response.status', true), '') as status");
  await client.query("commit");
  return { status: Number(status ?? 200), body: text };
}

/** Returns the response as a single object. It is an error if there are no rows or several. */
function single(answer) {
  const rows = JSON.parse(answer.body);
  if (!Array.isArray(rows)) return answer;
  if (rows.length !== 1) throw new Refusal(406, "PGRST116", `JSON object requested, multiple (or no) rows returned: ${rows.length}`);
  return { ...answer, body: JSON.stringify(rows[0]) };
}

/** Returns a function that handles requests: {method, path, params, headers, body} → {status, headers, body}. */
export function postgrest(config) {
  const pool = new Pool({ user: "authenticator", max: 8, ...config });
  return async (request) => {
    const claims = claimsOf(request.headers);
    const client = await pool.connect();
    let answer;
    try {
      answer = await transaction(client, request, claims);
      if (/vnd\.pgrst\.object/.test(request.headers.accept ?? "")) answer = single(answer);
      if (/return=minimal/.test(request.headers.prefer ?? "")) answer.body = "";
    } catch (error) {
      await client.query("rollback");
      const { code, message, detail = null, hint = null } = error;
      answer = { status: statusOf(error, claims.role), body: JSON.stringify({ code, message, details: detail, hint }) };
    } finally {
      client.release();
    }
    return { ...answer, headers: { "content-type": "application/json; charset=utf-8" } };
  };
}
