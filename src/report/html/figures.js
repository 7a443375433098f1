// The run's figures: verdict first, then gates and checks, costs and times, errors and groups.

const data = JSON.parse(document.getElementById('data').textContent);
const { report, says } = data;
const page = document.getElementById('page');

function head() {
  const tone = report.verdict.exit_code === 0 ? 'good' : report.verdict.retry === 'resume' ? 'warn' : 'bad';
  const under = make('p', { class: 'under' }, outside('span', { class: 'mono' }, report.run_id), make('span', null, says.sent));
  if (says.versions) under.append(outside('span', null, 'version ' + says.versions));
  for (const [name, value] of Object.entries(report.labels)) under.append(outside('span', null, `${name}: ${value}`));
  const parts = [
    make('div', { class: 'top' }, outside('h1', null, report.manifest), make('span', { class: 'badge ' + tone, id: 'verdict' }, says.verdict)),
  ];
  if (report.description) parts.push(outside('p', { class: 'under' }, report.description));
  parts.push(under);
  if (report.verdict.exit_code !== 0) {
    const why = make('div', { class: 'why ' + tone }, outside('div', null, report.verdict.message));
    if (report.verdict.next) why.append(outside('code', null, report.verdict.next));
    parts.push(why);
  }
  return make('header', null, ...parts);
}

function tile(name, figure, unit, notes, alert) {
  const shown = make('div', { class: 'figure' }, figure);
  if (unit) shown.append(' ', outside('small', null, unit));
  return make('div', { class: 'tile' }, make('div', { class: 'name' }, name), shown,
    ...notes.filter(Boolean).map((note) => outside('div', { class: 'note' }, note)),
    ...(alert || []).filter(Boolean).map((note) => outside('div', { class: 'note alert' }, note)));
}

function tiles() {
  const { cost, tokens, latency_ms: latency, rows } = report;
  const unknown = (count) => count > 0 && `unknown for ${plural(count, 'row')}`;
  const money = cost.money && `${grouped(cost.money.amount)} ${cost.money.currency}`;
  const mean = cost.per_row.mean !== null && `${short(Number(cost.per_row.mean))} a row, p95 ${short(Number(cost.per_row.p95))}`;
  const perMinute = report.wall_ms > 0 && rows.succeeded + rows.failed > 0
    && `${short(((rows.succeeded + rows.failed) / report.wall_ms) * 60000)} rows a minute`;
  return make('div', { class: 'tiles' },
    tile('Coverage', percent(report.coverage), '', [`${WHOLE.format(rows.succeeded + rows.failed)} of ${plural(rows.total, 'row')} answered`]),
    tile('Success rate', percent(report.success_rate), '', [`${WHOLE.format(rows.succeeded)} succeeded`, rows.failed > 0 && `${WHOLE.format(rows.failed)} failed`]),
    tile('Cost', grouped(cost.total), unitOf(cost.total, cost.unit), [money, mean, says.budget], [unknown(cost.unknown_rows)]),
    tile('Tokens', WHOLE.format(tokens.total), '', [tokens.known_rows > 0 && `${short(tokens.total / tokens.known_rows)} a row`], [unknown(tokens.unknown_rows)]),
    tile('Latency p95', time(latency.p95), '', [latency.p50 !== null && `p50 ${time(latency.p50)}, max ${time(latency.max)}`]),
    tile('Time', time(report.wall_ms), '', [perMinute], [report.throttled > 0 && `throttled ${plural(report.throttled, 'time')}`]));
}

function outcomes() {
  const present = OUTCOMES.filter((outcome) => report.rows[outcome] > 0);
  if (present.length === 0) return null;
  const bar = make('div', { class: 'share', role: 'img', 'aria-label': 'rows by outcome' }, ...present.map((outcome) => {
    const part = make('i', { class: 'c-' + outcome, title: `${said(outcome)}: ${WHOLE.format(report.rows[outcome])}` });
    part.style.flexGrow = report.rows[outcome];
    return part;
  }));
  const legend = make('div', { class: 'legend' }, ...present.map((outcome) => make('span', null, make('i', { class: 'c-' + outcome }),
    `${WHOLE.format(report.rows[outcome])} ${said(outcome)} (${percent(report.rows[outcome] / report.rows.total)})`)));
  return make('section', { class: 'card' }, bar, legend, says.in_doubt && outside('p', { class: 'small soft' }, 'In doubt: ' + says.in_doubt));
}

const figure = (value) => (value === null || value === undefined ? '–' : typeof value === 'number' ? short(value) : String(value));
const signed = (text) => (/^[-–]/.test(text) ? text : '+' + text);

/** A gate's figure in its unit. */
function inUnit(value, unit) {
  if (value === null || value === undefined) return '–';
  if (unit === 'share') return Number((value * 100).toFixed(3)) + '%';
  if (unit === 'ms') return (value < 0 ? '-' : '') + time(Math.abs(value));
  if (unit === 'cost') return `${grouped(value)} ${unitOf(value, report.cost.unit)}`;
  return figure(value);
}

function gates() {
  if (report.gates.length === 0) return null;
  const rows = report.gates.map((gate) => {
    const show = (value) => inUnit(value, gate.unit);
    const verdict = gate.passed === true ? 'pass' : gate.passed === false ? 'fail' : 'open';
    return [
      make('span', null, sign(verdict), outside('code', null, gate.gate)),
      outside('span', null, show(gate.value)), outside('span', null, show(gate.bound)), outside('span', null, signed(show(gate.margin))),
      outside('span', { class: 'soft' }, gate.reason || ''),
    ];
  });
  return card('Gates', table(['Gate', '>Value', '>Bound', '>Margin', ''], rows, { id: 'gates' }));
}

function checks() {
  const names = Object.keys(report.checks);
  if (names.length === 0) return null;
  const show = (name, verdict, count) => (count > 0
    ? make('button', { class: 'link', onclick: () => filterBy({ check: name, verdict }) }, WHOLE.format(count)) : '0');
  const rows = names.map((name) => {
    const check = report.checks[name];
    const interval = check.pass_rate_interval;
    const range = interval ? make('span', { class: 'soft small' }, ` ${percent(interval[0], true)} to ${percent(interval[1], true)}`) : '';
    return [
      outside('span', null, name),
      make('td', { class: 'wide' }, meter(check.pass_rate, interval), percent(check.pass_rate, true), range),
      WHOLE.format(check.passed || 0), show(name, 'f', check.failed || 0), show(name, 'e', check.error || 0),
      WHOLE.format(check.skipped || 0), WHOLE.format(check.unscored || 0), figure(check.mean_score),
    ];
  });
  const labelled = names.filter((name) => report.checks[name].labels);
  return card('Checks',
    table(['Check', 'Pass rate, and its 95% interval', '>Passed', '>Failed', '>Error', '>Skipped', '>No answer', '>Mean score'], rows, { id: 'checks' }),
    ...labelled.map((name) => labels(name, report.checks[name].labels)));
}

function labels(name, told) {
  const share = (value) => percent(value);
  const classes = table(['Label', '>Precision', '>Recall', '>F1', '>Rows'], (told.classes || []).map((it) => [
    outside('span', null, it.label), percent(it.precision, true), percent(it.recall, true), percent(it.f1, true), WHOLE.format(it.support),
  ]));
  const summary = make('p', { class: 'soft small' }, `accuracy ${share(told.accuracy)}, macro F1 ${share(told.macro_f1)}`);
  return make('div', { class: 'labels' }, make('h3', null, 'Labels of ', outside('code', null, name)), summary,
    make('div', { class: 'pair' }, make('div', null, classes), told.confusion ? confusion(told.confusion) : null));
}

/** Rows: what was expected; columns: what came. */
function confusion({ labels: names, counts }) {
  const most = Math.max(1, ...counts.flat());
  const heading = (name) => outside('th', { title: name }, name);
  const rows = counts.map((row, place) => make('tr', null, heading(names[place]), ...row.map((count, column) => {
    const cell = make('td', { title: `expected ${names[place]}, got ${names[column]}: ${count}` }, count > 0 ? WHOLE.format(count) : make('span', { class: 'soft' }, '·'));
    const depth = count === 0 ? 0 : 12 + Math.round((count / most) * 60);
    if (depth > 0) cell.style.background = `color-mix(in srgb, var(${place === column ? '--succeeded' : '--failed'}) ${depth}%, transparent)`;
    return cell;
  })));
  return make('div', { class: 'scroll' }, make('table', { class: 'heat', id: 'confusion' },
    make('thead', null, make('tr', null, make('th', null, 'expected ↓ got →'), ...names.map(heading))), make('tbody', null, ...rows)));
}

function spreads() {
  const { cost, latency_ms: latency } = report;
  const marks = (of) => [['p50', of.p50 === null ? null : Number(of.p50)], ['p95', of.p95 === null ? null : Number(of.p95)]];
  const charts = [
    ['Latency of a row', data.bars.latency_ms, marks(latency), time],
    [`Cost of a row, in ${unitOf('', cost.unit)}`, data.bars.cost, marks(cost.per_row), short],
    ['Tokens of a row', data.bars.tokens, [], short],
  ].filter(([, bins]) => bins.length > 0);
  if (charts.length === 0) return null;
  return card('Spread', make('div', { class: 'thirds', id: 'spread' },
    ...charts.map(([name, bins, at, show]) => make('div', null, outside('h3', null, name), histogram(bins, at, show)))));
}

function times() {
  if (says.times.length === 0) return null;
  return card('Times', table(['', '>p50', '>p90', '>p95', '>p99', '>max'], says.times.map(([name, cells]) => [name, ...cells])));
}

function errors() {
  if (report.errors.length === 0) return null;
  const rows = report.errors.slice(0, 50).map((error) => [
    make('button', { class: 'link', onclick: () => filterBy({ kind: error.kind }) }, outside('span', null, error.kind)),
    make('span', null, make('i', { class: 'dot c-' + error.outcome }), said(error.outcome)),
    WHOLE.format(error.count),
    make('td', { class: 'wide' }, make('span', { class: 'soft' }, `row ${error.row_number}: `), outside('span', null, error.example)),
  ]);
  return card('Errors', table(['Kind', 'Outcome', '>Rows', 'Example'], rows, { id: 'errors' }));
}

function groups() {
  const by = new Map();
  for (const group of report.groups) by.set(group.by, [...(by.get(group.by) || []), group]);
  return [...by].map(([name, all]) => {
    const names = Object.keys(report.checks).filter((check) => all.some((group) => group.checks && group.checks[check])).slice(0, 6);
    const rows = all.slice(0, 100).map((group) => [
      outside('span', null, group.value === '' ? '(empty)' : group.value), WHOLE.format(group.rows),
      make('td', { class: 'wide' }, meter(group.success_rate), percent(group.success_rate, true)),
      grouped(group.cost.total) + (group.cost.unknown_rows ? ` + ${WHOLE.format(group.cost.unknown_rows)} unknown` : ''),
      WHOLE.format(group.tokens.total), time(group.latency_ms.p50), time(group.latency_ms.p95),
      ...names.map((check) => percent(group.checks[check] && group.checks[check].pass_rate, true)),
    ]);
    const more = all.length > 100 && make('p', { class: 'soft small' }, `and ${all.length - 100} more in report.json`);
    return make('section', { class: 'card' }, make('h2', null, 'By ', outside('span', null, name)),
      table(['Value', '>Rows', 'Succeeded', '>Cost', '>Tokens', '>Latency p50', '>p95', ...names.map((check) => '>' + check)], rows), more);
  });
}

function notes() {
  if (report.notes.length === 0) return null;
  return card('Notes', make('ul', { class: 'notes' }, ...report.notes.map((note) => outside('li', null, note))));
}
