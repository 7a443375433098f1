// Texts and JSON, laid out to be read, and what two of them do not share.

/** JSON with a line for each value, its numbers in their own digits: the text is laid out, never read. */
function laidOut(json) {
  let text = '';
  let depth = 0;
  const line = () => '\n' + '  '.repeat(Math.min(depth, 40));
  for (let at = 0; at < json.length; at += 1) {
    const character = json[at];
    if (character === '"') {
      let end = at + 1;
      while (end < json.length && json[end] !== '"') end += json[end] === '\\' ? 2 : 1;
      text += json.slice(at, end + 1);
      at = end;
    } else if (character === '{' || character === '[') {
      const closing = /^\s*[}\]]/.exec(json.slice(at + 1, at + 40));
      if (closing) { text += character + closing[0].trim(); at += closing[0].length; }
      else { depth += 1; text += character + line(); }
    } else if (character === '}' || character === ']') { depth = Math.max(0, depth - 1); text += line() + character; }
    else if (character === ',') text += character + line();
    else if (character === ':') text += ': ';
    else if (!/\s/.test(character)) text += character;
  }
  return text;
}

const wordsOf = (text) => text.match(/[\p{L}\p{N}_]+|\s+|[^\p{L}\p{N}_\s]/gu) || [];

/** What both texts share, and what only one has: the longest common run of words, by the table of its lengths. */
function difference(expected, actual) {
  const a = wordsOf(expected);
  const b = wordsOf(actual);
  if (a.length * b.length > 400000) return [['-', expected], ['+', actual]];
  const lengths = Array.from({ length: a.length + 1 }, () => new Uint16Array(b.length + 1));
  for (let i = a.length - 1; i >= 0; i -= 1) {
    for (let j = b.length - 1; j >= 0; j -= 1) {
      lengths[i][j] = a[i] === b[j] ? lengths[i + 1][j + 1] + 1 : Math.max(lengths[i + 1][j], lengths[i][j + 1]);
    }
  }
  const parts = [];
  const put = (how, word) => {
    const last = parts[parts.length - 1];
    if (last && last[0] === how) last[1] += word;
    else parts.push([how, word]);
  };
  let i = 0;
  let j = 0;
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) { put('=', a[i]); i += 1; j += 1; }
    else if (j >= b.length || (i < a.length && lengths[i + 1][j] >= lengths[i][j + 1])) { put('-', a[i]); i += 1; }
    else { put('+', b[j]); j += 1; }
  }
  return parts;
}

const textOf = (value) => (typeof value === 'string' ? value : JSON.stringify(value));

/** The difference of two texts; long ones that share little are shown without marks, which would be nearly everywhere. */
function marks(before, now) {
  const parts = difference(before, now);
  const size = (is) => parts.reduce((sum, [how, text]) => sum + (how === is ? text.replace(/\s|[\p{P}]/gu, '').length : 0), 0);
  const unlike = before.length + now.length > 120 && size('=') * 3 < Math.min(size('-'), size('+'));
  return unlike ? [['-', before, true], ['+', now, true]] : parts;
}

/** Two texts beside each other, with what only one of them has marked; one that is not there is left out. */
function sideBySide(names, before, now) {
  const side = (name, parts, tag, how) => {
    const words = outside('div', { class: 'diff' }, '');
    for (const [is, text, plain] of parts) if (is === '=' || is === how) words.append(outside(is === '=' || plain ? 'span' : tag, null, text));
    return make('div', null, make('h3', null, name), words);
  };
  const lacks = (text) => text === undefined || text === null;
  if (lacks(before) || lacks(now)) {
    const only = (name, text) => (lacks(text) ? null : side(name, [['=', text]], 'ins', '='));
    return make('div', { class: 'versus' }, only(names[0], before), only(names[1], now));
  }
  const parts = marks(before, now);
  return make('div', { class: 'versus' }, side(names[0], parts, 'del', '-'), side(names[1], parts, 'ins', '+'));
}

