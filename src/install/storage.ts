/** Folders of this user in which the program stores downloads and measurements of the machine. */
import { homedir } from "node:os";
import { join } from "node:path";

const NAME = "biapy-studio";

/** Returns the folder of libraries installed on demand. BIAPY_STORAGE overrides it; the extension sets it to its own storage. */
export function storageFolder(): string {
  const { BIAPY_STORAGE, LOCALAPPDATA, XDG_DATA_HOME } = process.env;
  if (BIAPY_STORAGE) return BIAPY_STORAGE;
  if (process.platform === "win32") return join(LOCALAPPDATA ?? join(homedir(), "AppData", "Local"), NAME);
  if (process.platform === "darwin") return join(homedir(), "Library", "Application Support", NAME);
  return join(XDG_DATA_HOME || join(homedir(), ".local", "share"), NAME);
}

/** Returns the folder of files that may be deleted at any time. */
export function cacheFolder(): string {
  const { LOCALAPPDATA, XDG_CACHE_HOME } = process.env;
  if (process.platform === "win32")
    return join(LOCALAPPDATA ?? join(homedir(), "AppData", "Local"), NAME, "cache");
  if (process.platform === "darwin") return join(homedir(), "Library", "Caches", NAME);
  return join(XDG_CACHE_HOME || join(homedir(), ".cache"), NAME);
}
