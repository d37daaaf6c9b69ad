/** Where this program keeps what it fetches and what it learns of the machine, for this user. */
import { homedir } from "node:os";
import { join } from "node:path";

const NAME = "biapy-studio";

/** What is installed on demand; BIAPY_STORAGE, which the extension sets to its own storage, names another folder. */
export function storageFolder(): string {
  const { BIAPY_STORAGE, LOCALAPPDATA, XDG_DATA_HOME } = process.env;
  if (BIAPY_STORAGE) return BIAPY_STORAGE;
  if (process.platform === "win32") return join(LOCALAPPDATA ?? join(homedir(), "AppData", "Local"), NAME);
  if (process.platform === "darwin") return join(homedir(), "Library", "Application Support", NAME);
  return join(XDG_DATA_HOME || join(homedir(), ".local", "share"), NAME);
}

/** What may be deleted at any time. */
export function cacheFolder(): string {
  const { LOCALAPPDATA, XDG_CACHE_HOME } = process.env;
  if (process.platform === "win32")
    return join(LOCALAPPDATA ?? join(homedir(), "AppData", "Local"), NAME, "cache");
  if (process.platform === "darwin") return join(homedir(), "Library", "Caches", NAME);
  return join(XDG_CACHE_HOME || join(homedir(), ".cache"), NAME);
}
