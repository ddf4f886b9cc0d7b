// Uses the generated types with openapi-fetch: logs in, lists users, disables one, and shows a refusal as data.
// The suite generates schema.d.ts, compiles this with tsc and runs it under Node.

import createClient from "openapi-fetch";
import type { components, paths } from "./schema.js";

type User = components["schemas"]["User"];

const [baseUrl, name, password] = process.argv.slice(2) as [string, string, string];

function required<Value>(value: Value | undefined, error: unknown): Value {
  if (value === undefined) throw new Error(JSON.stringify(error));
  return value;
}

const visitor = createClient<paths>({ baseUrl });
const wanted = { username: "kite", password: "newpwd", email: "kite@example.org" };
const registered = await visitor.POST("/api/users", { body: wanted });
console.log(`registered: ${required(registered.data, registered.error).username}`);

const credential = Buffer.from(`${name}:${password}`).toString("base64");
const login = await visitor.GET("/api/token", { headers: { authorization: `Basic ${credential}` } });
const { token } = required(login.data, login.error);
const client = createClient<paths>({ baseUrl, headers: { authorization: `Bearer ${token}` } });

const page = await client.GET("/api/admin/users", { params: { query: { search: "kite", limit: 10 } } });
const [kite] = required(page.data, page.error).users;
const one = (id: number) => ({ params: { path: { account_id: id } } });
const answer = await client.POST("/api/admin/users/{account_id}/disable", one(required(kite, page.data).id));
const disabled: User = required(answer.data, answer.error);
console.log(`${disabled.username} disabled: ${disabled.disabled}`);

const refused = await client.POST("/api/admin/users/{account_id}/disable", one(999));
if (refused.error === undefined || typeof refused.error === "string" || !("code" in refused.error)) {
  throw new Error("a refusal is a problem");
}
console.log(`refused: ${refused.error.status} ${refused.error.code}`);

const ended = await client.DELETE("/api/token");
const dead = await client.GET("/api/admin/users");
console.log(`logged out: ${ended.response.status}; then ${dead.response.status}`);
