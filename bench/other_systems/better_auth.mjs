// better-auth on Node's own server: BENCH_WORKERS processes, bearer and jwt plugins, better-sqlite3.
import cluster from "node:cluster";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const { BENCH_FOLDER, BENCH_MODULES, BENCH_PORT, BENCH_SECRET, BENCH_WORKERS } = process.env;
const require = createRequire(`${BENCH_MODULES}/package.json`);
const load = async (name) => {
  const module = await import(pathToFileURL(require.resolve(name)));
  return module.default && !Object.keys(module).some((key) => key !== "default") ? module.default : module;
};

const Database = require("better-sqlite3");
const argon2 = require("@node-rs/argon2");
const { betterAuth } = await load("better-auth");
const { bearer, jwt } = await load("better-auth/plugins");
const { toNodeHandler } = await load("better-auth/node");
const cost = { memoryCost: 19456, timeCost: 2, parallelism: 1 };

const database = new Database(`${BENCH_FOLDER}/app.sqlite3`);
database.pragma("journal_mode = WAL");
const options = {
  baseURL: `http://127.0.0.1:${BENCH_PORT}`,
  secret: BENCH_SECRET,
  database,
  plugins: [bearer(), jwt({ disableSettingJwtHeader: true })],
  rateLimit: { enabled: false },
  telemetry: { enabled: false },
  logger: { level: "error" },
  emailAndPassword: {
    enabled: true,
    password: {
      hash: (password) => argon2.hash(password, cost),
      verify: ({ hash, password }) => argon2.verify(hash, password),
    },
  },
};

if (cluster.isPrimary) {
  const { getMigrations } = await load("better-auth/db/migration").catch(() => load("better-auth/db"));
  await (await getMigrations(options)).runMigrations();
  for (let number = 0; number < Number(BENCH_WORKERS); number += 1) cluster.fork();
  process.on("SIGTERM", () => {
    for (const worker of Object.values(cluster.workers)) worker.kill("SIGKILL");
    process.exit(0);
  });
} else {
  createServer(toNodeHandler(betterAuth(options))).listen(Number(BENCH_PORT), "127.0.0.1");
}
