// Loads packages from the folder that scripts/install-tools.sh fills, so that no node_modules is needed here.

import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

const installed = new URL("../../../target/node/", import.meta.url);
export const require = createRequire(new URL("package.json", installed));
export const nodeModules = fileURLToPath(new URL("node_modules/", installed));

const stripe = require("stripe");
const Stripe = stripe.default ?? stripe;
export const PINNED_VERSION = Stripe.API_VERSION;
export const webhookSignatures = new Stripe("sk_test_unused").webhooks;
