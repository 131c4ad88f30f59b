/** Text that comes in pieces and is kept whole, up to a limit. */
export class WholeText {
  readonly #pieces: string[] = [];
  #length = 0;

  /** @param most characters */
  constructor(readonly most: number) {}

  /** @returns false when there is more than is kept: then this piece is dropped */
  push(piece: string): boolean {
    if (this.#length + piece.length > this.most) return false;
    this.#length += piece.length;
    this.#pieces.push(piece);
    return true;
  }

  get text(): string {
    return this.#pieces.join('');
  }
}

/** Text that comes in pieces, of which only the end is kept. */
export class LastText {
  #pieces: string[] = [];
  #length = 0;

  /** @param most characters */
  constructor(readonly most: number) {}

  /** Takes any number of pieces. */
  push(piece: string): true {
    this.#pieces.push(piece);
    this.#length += piece.length;
    // Now and then, so that each character is copied once.
    if (this.#length > 2 * this.most) {
      this.#pieces = [this.text];
      this.#length = this.#pieces[0]?.length ?? 0;
    }
    return true;
  }

  get text(): string {
    return this.#pieces.join('').slice(-this.most);
  }
}
