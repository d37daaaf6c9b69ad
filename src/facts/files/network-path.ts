/**
 * Whether a path names another computer (`\\host\share`, `//host/share`) or a device (`\\.\pipe\x`). On Windows merely looking
 * at such a path connects to that computer and sends it the user's credentials, so paths that were read from a file are accessed only
 * with the user's consent. On other systems, this program writes no paths that begin with two slashes.
 */
export function isNetworkPath(path: string): boolean {
  return /^[\\/]{2}/.test(path) || path.startsWith("\\??\\");
}

/** Returns the computer that a network path names, in lower case: `\\NAS\data\a.tif` -> `nas`. Empty for other paths. */
export function networkHost(path: string): string {
  return isNetworkPath(path) ? (path.split(/[\\/]+/)[1] ?? "").toLowerCase() : "";
}
