/** Results of reads, in order, while later ones are already being read. */

/** How many results are read ahead at most. */
const MOST_AHEAD = 8;

/** A result that is being read. Should that fail, the error is thrown when the result is awaited. */
class Reading<T> {
  isDone = false;

  constructor(readonly result: Promise<T>) {
    const done = () => {
      this.isDone = true;
    };
    result.then(done, done);
  }
}

/**
 * Yields what `read` returns for each place. The next result is read while the caller works, and up to {@link MOST_AHEAD} of them if the
 * caller has to wait, such as for a network drive.
 *
 * @param fitting returns how many results like this one may be held
 */
export async function* readAhead<T>(
  places: Iterable<number>,
  read: (place: number) => Promise<T>,
  fitting: (result: T) => number = () => MOST_AHEAD,
): AsyncGenerator<T> {
  const left = places[Symbol.iterator]();
  const reading: Reading<T>[] = [];
  let ahead = 1;
  const fill = (count: number) => {
    while (reading.length < count) {
      const { done, value } = left.next();
      if (done) return;
      reading.push(new Reading(read(value)));
    }
  };
  try {
    fill(1);
    for (let first = true; ; first = false) {
      const [next] = reading;
      if (next === undefined) return;
      if (!first && !next.isDone) ahead = Math.min(2 * ahead, MOST_AHEAD);
      const result = await next.result;
      reading.shift();
      fill(Math.max(1, Math.min(ahead, fitting(result))));
      yield result;
    }
  } finally {
    // A caller that stops here may close what is read from next.
    await Promise.allSettled(reading.map(({ result }) => result));
  }
}
