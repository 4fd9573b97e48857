// As much of node:assert as the tests need, for browsers as well.
class AssertionError extends Error {}

const show = (value) => (typeof value === "string" ? value : JSON.stringify(value)) ?? String(value);

export function fail(message) {
  throw new AssertionError(message);
}

export function ok(value, message = `${show(value)} is not true`) {
  if (!value) fail(message);
}

export function equal(found, expected, message = `${show(found)} is not ${show(expected)}`) {
  ok(Object.is(found, expected), message);
}

export function notEqual(found, other) {
  ok(!Object.is(found, other), `${show(found)} twice`);
}

export function match(text, pattern) {
  ok(pattern.test(text), `${show(text)} does not match ${pattern}`);
}

function same(found, expected) {
  if (typeof found !== "object" || typeof expected !== "object" || !found || !expected) return Object.is(found, expected);
  const names = Object.keys(expected);
  return Array.isArray(found) === Array.isArray(expected)
    && Object.keys(found).length === names.length
    && names.every((name) => same(found[name], expected[name]));
}

export function deepEqual(found, expected) {
  ok(same(found, expected), `${show(found)} is not ${show(expected)}`);
}

export async function rejects(promise, pattern = /(?:)/) {
  const error = await promise.then(() => fail("it must fail"), (error) => error);
  if (error instanceof AssertionError) throw error;
  match(error.message, pattern);
}
