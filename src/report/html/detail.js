// A row that is opened: input and output field by field, its error, and its checks with what they expected.

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

function fieldsOf(fields, needle) {
  if (fields.length === 0) return [make('span', { class: 'soft' }, 'none')];
  return fields.map(([name, text, kind, whole]) => make('div', { class: 'field' },
    name === null ? null : outside('div', { class: 'name' }, name, needle),
    outside('pre', { class: kind === 's' ? 'text' : 'json' }, kind === 'j' && whole === null ? laidOut(text) : text, needle),
    whole === null ? null : make('div', { class: 'cut' }, `cut: ${WHOLE.format(whole)} bytes in all, whole in results.jsonl`)));
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

function versus(check) {
  const { expected, actual } = check;
  if (expected === undefined && actual === undefined) return null;
  const side = (name, parts, tag, how) => {
    const words = outside('div', { class: 'diff' }, '');
    for (const [is, text] of parts) if (is === '=' || is === how) words.append(is === '=' ? outside('span', null, text) : outside(tag, null, text));
    return make('div', null, make('h3', null, name), words);
  };
  if (expected === undefined || expected === null || actual === undefined || actual === null) {
    const only = (name, value) => (value === undefined ? null : side(name, [['=', textOf(value)]], 'ins', '='));
    return make('div', { class: 'versus' }, only('expected', expected), only('got', actual));
  }
  const parts = difference(textOf(expected), textOf(actual));
  return make('div', { class: 'versus' }, side('expected', parts, 'del', '-'), side('got', parts, 'ins', '+'));
}

const VERDICTS = { pass: 'pass', fail: 'fail', error: 'error', skipped: 'skipped' };

function checksOf(checks) {
  const names = Object.keys(checks);
  if (names.length === 0) return null;
  return make('div', { class: 'box all' }, make('h3', null, 'Checks'), ...names.map((name) => {
    const check = checks[name];
    const score = typeof check.score === 'number' ? make('span', { class: 'soft small' }, ' score ' + short(check.score)) : null;
    const path = check.path ? outside('code', { class: 'soft small' }, ' ' + check.path) : null;
    return make('div', { class: 'check' }, sign(VERDICTS[check.verdict] || 'none'), outside('b', null, name), score, path,
      check.reason ? outside('div', { class: 'small soft' }, check.reason) : null,
      check.verdict === 'pass' ? null : versus(check));
  }));
}

/** The opened part of a row; `body` is what its chunk holds of it. */
function detail(row, body, needle) {
  const [runId, version, server, queue, backoff] = body.m;
  const facts = [
    ['row', WHOLE.format(row.number)], ['key', row.key], ['attempts', row.attempts], ['cost', row.cost === null ? null : grouped(row.cost)], ['tokens', row.tokens],
    ['latency', row.latency === null ? null : time(row.latency)], ['server', server === null ? null : time(server)],
    ['queue', queue === null ? null : time(queue)], ['back-off', backoff ? time(backoff) : null],
    ['begun', row.started === null ? null : instant(row.started) + ' UTC'], ['run id', runId], ['version', version],
  ].filter(([, value]) => value !== null && value !== undefined);
  const error = body.e && make('div', { class: 'box error-box' }, make('b', null, body.e[0]),
    body.e[2] ? ` HTTP ${body.e[2]}` : '', body.e[3] ? outside('span', null, ` code ${body.e[3]}`) : '', outside('div', null, body.e[1], needle));
  return make('div', { class: 'detail' },
    make('div', { class: 'facts' }, ...facts.map(([name, value]) => make('span', null, make('b', null, name), outside('span', null, String(value))))),
    error,
    make('div', { class: 'sides' },
      make('div', { class: 'box input' }, make('h3', null, 'Input'), ...fieldsOf(body.i, needle)),
      make('div', { class: 'box output' }, make('h3', null, 'Output'), ...fieldsOf(body.o, needle)),
      checksOf(body.c)));
}
