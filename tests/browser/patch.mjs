// The page's own JSON Patch against RFC 6902 and RFC 6901.

import assert from "node:assert/strict";
import { patched } from "../../src/live/page/patch.js";

const op = (op, path, rest = {}) => ({ op, path, ...rest });
const cases = [
  ["a member is added", { a: 1 }, [op("add", "/b", { value: [2] })], { a: 1, b: [2] }],
  ["one that is there is replaced", { a: 1 }, [op("add", "/a", { value: null })], { a: null }],
  ["an element is put between others", [1, 3], [op("add", "/1", { value: 2 })], [1, 2, 3]],
  ["or at the end", [1], [op("add", "/-", { value: 2 }), op("add", "/2", { value: 3 })], [1, 2, 3]],
  ["a member is removed", { a: 1, b: 2 }, [op("remove", "/a")], { b: 2 }],
  ["an element is removed", [1, 2, 3], [op("remove", "/1")], [1, 3]],
  ["a value is replaced", { a: [1, { b: 2 }] }, [op("replace", "/a/1/b", { value: 3 })], { a: [1, { b: 3 }] }],
  ["an element is replaced in its place", [1, 2, 3], [op("replace", "/1", { value: 9 })], [1, 9, 3]],
  ["the whole is replaced", { a: 1 }, [op("replace", "", { value: [] })], []],
  ["a value is moved", { a: { b: 1 }, c: {} }, [op("move", "/c/d", { from: "/a/b" })], { a: {}, c: { d: 1 } }],
  ["within an array", [1, 2, 3], [op("move", "/2", { from: "/0" })], [2, 3, 1]],
  ["a value is copied", { a: { b: [1] } }, [op("copy", "/c", { from: "/a" }), op("add", "/c/b/-", { value: 2 })], { a: { b: [1] }, c: { b: [1, 2] } }],
  ["a test that holds", { a: { b: [1, "2", null] } }, [op("test", "/a", { value: { b: [1, "2", null] } })], { a: { b: [1, "2", null] } }],
  ["keys with slashes and tildes", { "a/b": 1, "m~n": 2, "~1": 3 }, [op("remove", "/a~1b"), op("replace", "/m~0n", { value: 5 }), op("remove", "/~01")], { "m~n": 5 }],
  ["an empty key", { "": 1 }, [op("replace", "/", { value: 2 })], { "": 2 }],
];
for (const [name, before, operations, after] of cases) {
  assert.deepEqual(patched(structuredClone(before), operations), after, name);
}

const refused = [
  [{ a: 1 }, op("remove", "/b")],
  [{ a: 1 }, op("replace", "/b", { value: 1 })],
  [{ a: 1 }, op("test", "/a", { value: "1" })],
  [{ a: [1] }, op("test", "/a", { value: { 0: 1 } })],
  [[1], op("add", "/2", { value: 1 })],
  [[1], op("add", "/01", { value: 1 })],
  [[1], op("remove", "/-")],
  [{ a: null }, op("add", "/a/b", { value: 1 })],
  [{}, op("add", "a", { value: 1 })],
  [{}, op("add", "/toString/x", { value: 1 })],
  [{}, op("swap", "/a", {})],
];
for (const [before, operation] of refused) {
  assert.throws(() => patched(before, [operation]), Error, JSON.stringify(operation));
}

const names = patched({}, [op("add", "/__proto__", { value: { polluted: true } })]);
assert.equal({}.polluted, undefined, "a name is a name");
assert.deepEqual(Object.keys(names), ["__proto__"]);
console.log("ok - the page applies JSON Patch");
