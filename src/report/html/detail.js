// A row that is opened: input and output field by field, its error, and its checks with what they expected.

function fieldsOf(fields, needle) {
  if (fields.length === 0) return [make('span', { class: 'soft' }, 'none')];
  return fields.map(([name, text, kind, whole]) => make('div', { class: 'field' },
    name === null ? null : outside('div', { class: 'name' }, name, needle),
    outside('pre', { class: kind === 's' ? 'text' : 'json' }, kind === 'j' && whole === null ? laidOut(text) : text, needle),
    whole === null ? null : make('div', { class: 'cut' }, `cut: ${WHOLE.format(whole)} bytes in all, whole in results.jsonl`)));
}

function versus({ expected, actual }) {
  if (expected === undefined && actual === undefined) return null;
  const shown = (value) => (value === undefined || value === null ? value : textOf(value));
  return sideBySide(['expected', 'got'], shown(expected), shown(actual));
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
