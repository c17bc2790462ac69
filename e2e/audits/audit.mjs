// Runs graphql-http's audits against a server: node audit.mjs URL, with the bearer token in CLOAKROOM_TOKEN. Prints a line for
// each audit and fails unless all passed.
import { serverAudits } from 'graphql-http';

const [url] = process.argv.slice(2);
const fetchFn = (input, init = {}) => {
  const headers = new Headers(init.headers);
  headers.set('authorization', `Bearer ${process.env.CLOAKROOM_TOKEN}`);
  return fetch(input, { ...init, headers });
};

let passed = 0;
const audits = serverAudits({ url, fetchFn });
for (const audit of audits) {
  const result = await audit.fn();
  if (result.status === 'ok') passed++;
  console.log(`${result.status} ${result.id} ${result.name}${result.reason ? `: ${result.reason}` : ''}`);
}
console.log(`${passed} of ${audits.length} passed`);
process.exitCode = passed === audits.length ? 0 : 1;
