// The packages of package.json, which `make bench` installs into target/bench/node.

import { createRequire } from "node:module";

const require = createRequire(new URL("../../target/bench/node/", import.meta.url));

export const pg = require("pg");
export const Stripe = require("stripe").default ?? require("stripe");
export const { StripeSync, runMigrations } = require("@supabase/stripe-sync-engine");
