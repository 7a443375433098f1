// Two runs compared: which they are and what differs, then the verdicts, the numbers, and the rows that changed.

const data = JSON.parse(document.getElementById('data').textContent);
const page = document.getElementById('page');

const TONES = { Worse: 'bad', Better: 'good', Undecided: 'warn', 'No difference': 'same' };
const BECAME = { worse: ['bad', 'worse'], better: ['good', 'better'], no_difference: ['same', 'no difference'], undecided: ['warn', 'undecided'] };
const RUNS = ['Baseline', 'Candidate'];

/** A table whose rows become cards on a narrow screen: each cell has its heading beside it. */
function stacked(headings, rows, attributes) {
  const wrapped = table(headings, rows, { ...attributes, class: 'stack' });
  for (const row of wrapped.querySelectorAll('tbody tr')) {
    [...row.children].forEach((cell, place) => { cell.dataset.name = headings[place].replace(/^>/, ''); });
  }
  return wrapped;
}

function head() {
  const tone = TONES[data.verdict] || 'same';
  const link = (path, name) => make('button', { class: 'link', onclick: () => { location.assign(path); } }, name);
  const under = make('p', { class: 'under' }, outside('span', null, data.rows));
  if (data.cost) under.append(outside('span', null, 'cost ' + data.cost));
  if (data.paths) under.append(link('/', 'all runs'));
  return make('header', null,
    make('div', { class: 'top' }, make('h1', null, 'Comparison'), make('span', { class: 'badge ' + tone, id: 'verdict' }, data.verdict)),
    under,
    make('div', { class: 'why ' + tone }, ...data.said.map((sentence) => outside('div', null, sentence))));
}

function runs() {
  const rows = data.sides.map(([what, ...sides], line) => [
    make('span', { class: 'soft' }, what),
    ...sides.map((side, place) => (line === 0 && data.paths
      ? make('button', { class: 'link mono', onclick: () => { location.assign(data.paths[place]); } }, ...pieces(side))
      : outside('span', { class: line === 0 ? 'mono' : '' }, side))),
  ]);
  const same = data.sides.length === 1 ? make('p', { class: 'small soft' }, 'Dataset, workflow and mapping are the same, as far as both sides say.') : null;
  const notes = data.notes.length > 0 ? make('ul', { class: 'notes small' }, ...data.notes.map((note) => outside('li', null, note))) : null;
  const card_ = card('What differs', stacked(['', ...RUNS], rows, { id: 'differences' }), same, notes);
  card_.classList.add('differences');
  return card_;
}

function checks() {
  const rows = data.checks.map((check) => {
    const [before, now, lost, won, p, detectable] = check.cells;
    const rate = (shown, place) => make('td', { class: 'rate' }, check.rates ? meter(check.rates[place], check.intervals && check.intervals[place]) : null, shown,
      check.intervals ? make('span', { class: 'soft small range' }, `${percent(check.intervals[place][0])} to ${percent(check.intervals[place][1])}`) : null);
    const points = check.rates ? (check.rates[1] - check.rates[0]) * 100 : null;
    const [tone, word] = BECAME[check.verdict];
    return [
      outside('b', null, check.name), make('span', { class: 'badge small ' + tone }, word), rate(before, 0), rate(now, 1),
      points === null ? '–' : `${points > 0 ? '+' : ''}${Number(points.toFixed(2))} points`,
      make('span', null, `${lost} lost, ${won} won`), p, detectable,
    ];
  });
  return card('Checks',
    stacked(['Check', 'Verdict', ...RUNS, '>Change', `>${data.unit === 'row' ? 'Rows' : 'Records'}`, '>p', '>Detectable'], rows, { id: 'checks' }),
    make('p', { class: 'small soft below' }, `${data.test}; two-sided. Beside each rate is its 95% interval. Lost ${data.unit}s pass ${data.unit === 'row' ? 'in the baseline alone' : 'more often in the baseline'}, won ones ${data.unit === 'row' ? 'in the candidate alone' : 'more often in the candidate'}. Detectable is the smallest change that would be found eight times of ten.`));
}

function numbers() {
  if (data.numbers.length === 0) return null;
  const rows = data.numbers.map(({ cells: [name, before, now, difference, interval], became }) => [
    outside('b', null, name), before, now,
    make('span', { class: became ? BECAME[became][0] + '-text' : 'soft' }, difference), make('span', { class: 'soft' }, interval),
  ]);
  return card(`Numbers per ${data.unit}`, stacked(['', '>Baseline', '>Candidate', '>Difference', '>95% interval'], rows, { id: 'numbers' }));
}

function outcomes() {
  if (data.outcomes.length === 0) return null;
  return card('Outcomes that changed', make('ul', { class: 'notes' }, ...data.outcomes.map((text) => outside('li', null, text))));
}

/** An output as it is read: a text as a text, JSON laid out, and what was cut as it is. */
function shown(text) {
  if (text === null || text === undefined) return text;
  if (text.startsWith('"')) {
    try { return JSON.parse(text); } catch (error) { return text; }
  }
  return /^[[{]/.test(text) && !text.endsWith('…') ? laidOut(text) : text;
}

function flip(it) {
  const passes = it.passed ? it.passed.map(([passed, judged]) => `${passed} of ${judged}`).join(' → ') + ' pass' : null;
  return make('div', { class: 'flip' },
    make('div', { class: 'who' },
      outside('b', { class: 'mono' }, it.row_key), it.row_number ? make('span', { class: 'soft small' }, `row ${WHOLE.format(it.row_number)}`) : null,
      passes ? make('span', { class: 'small' }, passes) : null,
      it.expected === undefined ? null : make('span', { class: 'small' }, make('span', { class: 'soft' }, 'expected '), outside('code', null, it.expected)),
      it.reason === undefined ? null : outside('span', { class: 'small soft' }, it.reason)),
    it.baseline === null && it.candidate === null ? make('p', { class: 'small soft' }, 'Neither side has its text.')
      : sideBySide(RUNS.map((name) => name.toLowerCase()), shown(it.baseline), shown(it.candidate)));
}

/** The rows that changed one way; they are drawn when they are looked at. */
function flipsOf({ count, listed }, word, open) {
  if (count === 0) return null;
  const shown_ = listed.length < count ? `, the first ${WHOLE.format(listed.length)} are listed` : '';
  const inside = make('div', null);
  const whole = make('details', { class: 'flips ' + word }, make('summary', null, `${WHOLE.format(count)} ${word}`, make('span', { class: 'soft small' }, shown_)), inside);
  const fill = () => { if (whole.open && !inside.firstChild) inside.append(...listed.map(flip)); };
  whole.addEventListener('toggle', fill);
  whole.open = open && listed.length > 0;
  fill();
  return whole;
}

function flips() {
  let first = true;
  return data.checks.filter((check) => check.lost.count + check.won.count > 0).map((check) => {
    const open = first;
    first = false;
    const whole = card('', flipsOf(check.lost, 'lost', open), flipsOf(check.won, 'won', open && check.lost.count === 0));
    whole.firstChild.append(outside('span', null, check.name));
    whole.dataset.check = check.name;
    return whole;
  });
}

page.append(...[head(), runs(), checks(), numbers(), outcomes(), ...flips()].filter(Boolean));
document.documentElement.dataset.ready = 'compare';
