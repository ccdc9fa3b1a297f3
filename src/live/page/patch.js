// JSON Patch (RFC 6902).

/** Applies operations to a document, in place where that is possible, and returns it. */
export function patched(document, operations) {
  for (const operation of operations) document = apply(document, operation);
  return document;
}

function apply(document, { op, path, from, value }) {
  switch (op) {
    case "add": return add(document, keys(path), value);
    case "remove": return remove(document, keys(path));
    case "replace": return path === "" ? value : add(remove(document, keys(path)), keys(path), value);
    case "move": return move(document, keys(from), keys(path));
    case "copy": return add(document, keys(path), structuredClone(get(document, keys(from))));
    case "test":
      if (!equal(get(document, keys(path)), value)) throw new Error(`${path} is not what it was`);
      return document;
    default: throw new Error(`no such operation: ${op}`);
  }
}

/** The keys of a JSON pointer (RFC 6901). */
function keys(pointer) {
  if (pointer === "") return [];
  if (!pointer.startsWith("/")) throw new Error(`no JSON pointer: ${pointer}`);
  return pointer.slice(1).split("/").map((key) => key.replaceAll("~1", "/").replaceAll("~0", "~"));
}

function index(array, key, most) {
  if (!/^(0|[1-9]\d*)$/.test(key) || Number(key) > most) throw new Error(`no index: ${key}`);
  return Number(key);
}

function child(parent, key) {
  if (Array.isArray(parent)) return parent[index(parent, key, parent.length - 1)];
  if (parent === null || typeof parent !== "object" || !Object.hasOwn(parent, key)) throw new Error(`nothing at ${key}`);
  return parent[key];
}

function get(document, path) {
  return path.reduce(child, document);
}

function add(document, path, value) {
  if (path.length === 0) return value;
  const parent = get(document, path.slice(0, -1));
  const key = path.at(-1);
  if (Array.isArray(parent)) parent.splice(key === "-" ? parent.length : index(parent, key, parent.length), 0, value);
  else if (parent === null || typeof parent !== "object") throw new Error(`nothing can be at ${key}`);
  // A name such as `__proto__` is a name like any other.
  else Object.defineProperty(parent, key, { value, writable: true, enumerable: true, configurable: true });
  return document;
}

function remove(document, path) {
  if (path.length === 0) return null;
  const parent = get(document, path.slice(0, -1));
  const key = path.at(-1);
  child(parent, key);
  if (Array.isArray(parent)) parent.splice(Number(key), 1);
  else delete parent[key];
  return document;
}

function move(document, from, path) {
  const value = get(document, from);
  return add(remove(document, from), path, value);
}

function equal(a, b) {
  if (a === b) return true;
  if (a === null || b === null || typeof a !== "object" || typeof b !== "object") return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const names = Object.keys(a);
  return names.length === Object.keys(b).length
    && names.every((name) => Object.hasOwn(b, name) && equal(a[name], b[name]));
}
