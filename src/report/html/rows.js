// The table of rows. What it sorts and filters by is read from the chunks' indexes; the rest of a row only when it is
// opened or searched. Only the rows in view are elements.

const rows = { count: 0, number: [], key: [], outcome: '', cost: [], costs: [], tokens: [], latency: [], attempts: [], started: [], finished: [], kind: [], input: [], output: [], verdicts: data.rows.checks.map(() => []) };
const chunks = [];
const LEAST_CHUNKS = 12;

async function unpacked(element) {
  const binary = atob(element.textContent);
  const bytes = new Uint8Array(binary.length);
  for (let at = 0; at < binary.length; at += 1) bytes[at] = binary.charCodeAt(at);
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'))).text();
}

function takeIndex(index) {
  const first = rows.count;
  for (const [name, column] of [['number', index.n], ['key', index.k], ['cost', index.c], ['tokens', index.t], ['latency', index.l],
    ['attempts', index.a], ['started', index.s], ['finished', index.f], ['kind', index.e], ['input', index.i], ['output', index.p]]) {
    const all = rows[name];
    for (const value of column) all.push(value);
  }
  for (const cost of index.c) rows.costs.push(cost === null ? null : Number(cost));
  rows.outcome += index.o;
  data.rows.checks.forEach((_, place) => rows.verdicts[place].push(index.v[place] || '-'.repeat(index.n.length)));
  rows.count += index.n.length;
  return { first, count: index.n.length };
}

const chunkOf = (id) => {
  let low = 0;
  let high = chunks.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (chunks[middle].first <= id) low = middle;
    else high = middle - 1;
  }
  return low;
};

function verdictOf(check, id) {
  const place = chunkOf(id);
  return rows.verdicts[check][place][id - chunks[place].first];
}

/** The lines of a chunk, read once; the chunks read last are kept. */
function linesOf(place) {
  const chunk = chunks[place];
  if (!chunk.lines) {
    chunk.lines = unpacked(chunk.bodies).then((text) => text.split('\n'));
    chunk.lines.catch(() => { chunk.lines = null; });
    linesOf.kept.push(chunk);
    if (linesOf.kept.length > LEAST_CHUNKS) linesOf.kept.shift().lines = null;
  }
  return chunk.lines;
}
linesOf.kept = [];

async function bodyOf(id) {
  const place = chunkOf(id);
  return JSON.parse((await linesOf(place))[id - chunks[place].first]);
}

// --- What is shown, and in which order.

const state = { sort: 'number', down: false, outcomes: new Set(LETTERS), kind: null, check: null, verdict: null, text: '', hits: null };
let order = new Int32Array(0);
let sorted = null;
const open = new Map();

const textColumn = (column) => (a, b) => (column[a] === column[b] ? 0 : (column[a] ?? '') < (column[b] ?? '') ? -1 : 1);
/** What a row lacks comes last, whichever way it is sorted. */
const numberColumn = (column) => (a, b) => {
  const [x, y] = [column[a], column[b]];
  if (x === y) return 0;
  if (x === null) return state.down ? -1 : 1;
  if (y === null) return state.down ? 1 : -1;
  return x - y;
};

const COLUMNS = [
  { name: 'number', title: 'Row', width: '64px', kind: 'num', compare: numberColumn(rows.number) },
  { name: 'outcome', title: 'Outcome', width: '104px', compare: (a, b) => LETTERS.indexOf(rows.outcome[a]) - LETTERS.indexOf(rows.outcome[b]) },
  { name: 'key', title: 'Key', width: 'minmax(70px, .7fr)', kind: 'hide', compare: keyOrder },
  ...data.rows.checks.slice(0, 8).map((name, place) => ({
    name: 'check ' + place, check: place, title: name, width: 'minmax(34px, 66px)', kind: 'mid hide',
    compare: (a, b) => 'fes-p'.indexOf(verdictOf(place, a)) - 'fes-p'.indexOf(verdictOf(place, b)),
  })),
  { name: 'input', title: 'Input', width: 'minmax(120px, 2fr)', kind: 'hide', compare: textColumn(rows.input) },
  { name: 'output', title: 'Output or error', width: 'minmax(140px, 2.4fr)', kind: 'line2', compare: textColumn(rows.output) },
  { name: 'cost', title: 'Cost', width: '86px', kind: 'num hide', compare: numberColumn(rows.costs) },
  { name: 'tokens', title: 'Tokens', width: '66px', kind: 'num hide', compare: numberColumn(rows.tokens) },
  { name: 'latency', title: 'Latency', width: '76px', kind: 'num', compare: numberColumn(rows.latency) },
];

/** Keys that are all numbers are in the order of numbers. */
function keyOrder(a, b) {
  const [x, y] = [rows.key[a], rows.key[b]];
  if (x === y) return 0;
  const [m, n] = [Number(x ?? NaN), Number(y ?? NaN)];
  return m - n || ((x ?? '') < (y ?? '') ? -1 : 1);
}

function sortAll() {
  sorted = Int32Array.from({ length: rows.count }, (_, id) => id);
  const column = COLUMNS.find((it) => it.name === state.sort);
  const turn = state.down ? -1 : 1;
  if (state.sort !== 'number' || state.down) sorted.sort((a, b) => turn * column.compare(a, b) || a - b);
}

function filterAll() {
  if (!sorted || sorted.length !== rows.count) sortAll();
  const kind = state.kind === null ? -1 : data.rows.kinds.indexOf(state.kind);
  const check = state.check === null ? -1 : data.rows.checks.indexOf(state.check);
  const shown = new Int32Array(rows.count);
  let count = 0;
  for (const id of sorted) {
    if (!state.outcomes.has(rows.outcome[id])) continue;
    if (state.kind !== null && rows.kind[id] !== kind) continue;
    if (state.check !== null && (check < 0 || verdictOf(check, id) !== state.verdict)) continue;
    if (state.hits && !state.hits[id]) continue;
    shown[count] = id;
    count += 1;
  }
  order = shown.slice(0, count);
}

// --- Searching the rows' whole texts, chunk after chunk.

let searching = 0;

async function search(text) {
  searching += 1;
  const mine = searching;
  state.text = text.trim().toLowerCase();
  if (state.text === '') {
    state.hits = null;
    told.search = '';
    refresh(true);
    return;
  }
  const hits = new Uint8Array(rows.count);
  state.hits = hits;
  const quoted = JSON.stringify(state.text).slice(1, -1);
  let painted = performance.now();
  for (let place = 0; place < chunks.length; place += 1) {
    const chunk = chunks[place];
    const bodies = chunk.lines ? (await chunk.lines).join('\n') : await unpacked(chunk.bodies);
    if (mine !== searching) return;
    const low = bodies.toLowerCase();
    const lines = low.includes(quoted) ? low.split('\n') : null;
    for (let at = 0; at < chunk.count; at += 1) {
      const id = chunk.first + at;
      const key = rows.key[id];
      if ((key !== null && key.toLowerCase().includes(state.text)) || (lines && lines[at].includes(quoted) && holds(lines[at], state.text))) hits[id] = 1;
    }
    if (performance.now() - painted > 200) {
      told.search = `searching: ${Math.floor(((place + 1) / chunks.length) * 100)}%`;
      refresh(place < 2);
      await new Promise((resolve) => setTimeout(resolve));
      painted = performance.now();
      if (mine !== searching) return;
    }
  }
  told.search = '';
  refresh(true);
}

/** Whether one of a row's texts holds the words: its line also holds what is between them. */
function holds(line, text) {
  const body = JSON.parse(line);
  const inFields = (fields) => fields.some(([name, value]) => (name !== null && name.includes(text)) || value.includes(text));
  return inFields(body.i) || inFields(body.o) || (body.e && body.e.some((it) => typeof it === 'string' && it.includes(text)))
    || (body.m[0] !== null && body.m[0].includes(text)) || Object.values(body.c).some((check) => JSON.stringify(check).includes(text));
}

// --- The elements.

const told = { search: '', reading: '' };
const grid = make('div', { class: 'grid', role: 'table', 'aria-label': 'rows', tabindex: 0, id: 'grid' });
const heading = make('div', { class: 'heading cells', role: 'row' });
const body = make('div', { class: 'rows', role: 'rowgroup' });
const status = make('span', { id: 'shown', role: 'status' });
const chips = make('span', { class: 'chips' });
const kinds = make('select', { 'aria-label': 'kind of error', id: 'kind', onchange: () => filterBy({ kind: kinds.value || null }, false) });
const verdicts = make('select', { 'aria-label': 'verdict of a check', id: 'verdict-of', onchange: () => {
  const [verdict, place] = [verdicts.value[0], verdicts.value.slice(1)];
  filterBy({ check: verdicts.value === '' ? null : data.rows.checks[place], verdict }, false);
} });
const box = make('input', { type: 'search', placeholder: 'Search all texts', 'aria-label': 'search', id: 'search', oninput: () => {
  clearTimeout(box.waiting);
  box.waiting = setTimeout(() => search(box.value), 180);
} });
const sorts = make('select', { class: 'only-narrow', 'aria-label': 'sort by', onchange: () => {
  const [name, way] = sorts.value.split('/');
  sortBy(name, way === 'down');
} });
const elements = new Map();
const narrow = matchMedia('(max-width: 720px)');
let height = 36;

function sortBy(name, down) {
  state.sort = name;
  state.down = down;
  sorted = null;
  refresh(true);
}

/** Narrows what is shown; from a figure above the table, all else is shown again and the table comes into view. */
function filterBy(wanted, from = true) {
  if (from) {
    Object.assign(state, { kind: null, check: null, verdict: null, outcomes: new Set(LETTERS) });
    if (state.text !== '') { box.value = ''; search(''); }
  }
  Object.assign(state, wanted);
  refresh(true);
  if (from) document.getElementById('rows').scrollIntoView({ behavior: 'smooth' });
}

function buildTools() {
  const counts = new Map();
  for (const letter of rows.outcome) counts.set(letter, (counts.get(letter) || 0) + 1);
  chips.replaceChildren(...OUTCOMES.filter((_, place) => counts.has(LETTERS[place])).map((outcome) => {
    const letter = LETTERS[OUTCOMES.indexOf(outcome)];
    const chip = make('button', { class: 'chip', 'data-outcome': outcome, onclick: () => {
      const all = state.outcomes.size === LETTERS.length;
      if (all) state.outcomes = new Set(letter);
      else if (state.outcomes.has(letter)) state.outcomes.delete(letter);
      else state.outcomes.add(letter);
      if (state.outcomes.size === 0) state.outcomes = new Set(LETTERS);
      refresh(true);
    } }, make('i', { class: 'dot c-' + outcome }), said(outcome), make('b', null, WHOLE.format(counts.get(letter))));
    return chip;
  }));
  const option = (value, text) => outside('option', { value }, text);
  kinds.replaceChildren(option('', 'any error'), ...data.rows.kinds.map((kind) => option(kind, kind)));
  kinds.hidden = data.rows.kinds.length === 0;
  verdicts.replaceChildren(option('', 'any verdict'), ...data.rows.checks.flatMap((name, place) =>
    [['f', 'failed'], ['e', 'error'], ['p', 'passed'], ['s', 'skipped']].map(([letter, word]) => option(letter + place, `${name}: ${word}`))));
  verdicts.hidden = data.rows.checks.length === 0;
  sorts.replaceChildren(...COLUMNS.flatMap((column) => [option(column.name + '/up', column.title + ' ↑'), option(column.name + '/down', column.title + ' ↓')]));
}

function buildHeading() {
  heading.replaceChildren(...COLUMNS.map((column) => make('span', { class: column.kind, role: 'columnheader', 'data-column': column.name },
    make('button', { title: 'sort by ' + column.title, onclick: () => sortBy(column.name, state.sort === column.name && !state.down) }, ...pieces(column.title)))));
  grid.style.setProperty('--columns', COLUMNS.map((column) => column.width).join(' '));
}

function shape() {
  height = narrow.matches ? 58 : 36;
  grid.style.setProperty('--row', height + 'px');
  grid.style.setProperty('--least', narrow.matches ? '0' : 700 + 46 * Math.min(8, data.rows.checks.length) + 'px');
  grid.style.setProperty('--view', grid.clientWidth + 'px');
}

/** Filters and sorts anew; `top` when what stands first may be another row. */
function refresh(top) {
  filterAll();
  for (const span of heading.children) {
    const mine = span.dataset.column === state.sort;
    if (mine) span.setAttribute('aria-sort', state.down ? 'descending' : 'ascending');
    else span.removeAttribute('aria-sort');
  }
  for (const chip of chips.children) chip.setAttribute('aria-pressed', state.outcomes.has(LETTERS[OUTCOMES.indexOf(chip.dataset.outcome)]));
  kinds.value = state.kind || '';
  verdicts.value = state.check === null ? '' : state.verdict + data.rows.checks.indexOf(state.check);
  sorts.value = state.sort + (state.down ? '/down' : '/up');
  const { held } = data.rows;
  status.textContent = [order.length === held ? plural(held, 'row') : `${WHOLE.format(order.length)} of ${plural(held, 'row')}`, told.search, told.reading].filter(Boolean).join(' · ');
  grid.setAttribute('aria-rowcount', order.length + 1);
  for (const element of elements.values()) element.remove();
  elements.clear();
  if (top) grid.scrollTop = 0;
  paint();
}

// Opened rows are few: where they stand is worked out anew each time.
let opened = [];

function placeOpened() {
  opened = [];
  if (open.size > 0) {
    for (let place = 0; place < order.length && opened.length < open.size; place += 1) {
      const extra = open.get(order[place]);
      if (extra !== undefined) opened.push([place, extra]);
    }
  }
  const total = order.length * height + opened.reduce((sum, [, extra]) => sum + extra, 0);
  body.style.height = total + 'px';
  grid.style.setProperty('--content', total + (narrow.matches ? 2 : 42) + 'px');
}

const topOf = (place) => opened.reduce((sum, [at, extra]) => (at < place ? sum + extra : sum), place * height);

function placeAt(y) {
  let place = Math.floor(y / height);
  for (const [at, extra] of opened) {
    if (at >= place) break;
    place = Math.max(at, Math.floor((y - opened.reduce((sum, [other, more]) => (other <= at ? sum + more : sum), 0)) / height));
    if (place <= at) return at;
  }
  return Math.max(0, place);
}

function paint() {
  placeOpened();
  const from = Math.max(0, placeAt(grid.scrollTop) - 6);
  const to = Math.min(order.length, placeAt(grid.scrollTop + grid.clientHeight) + 7);
  const wanted = new Set();
  for (let place = from; place < to; place += 1) wanted.add(order[place]);
  for (const [id, element] of elements) {
    if (!wanted.has(id)) {
      measured.unobserve(element);
      element.remove();
      elements.delete(id);
    }
  }
  for (let place = from; place < to; place += 1) {
    const id = order[place];
    let element = elements.get(id);
    if (!element) {
      element = rowElement(id, place);
      elements.set(id, element);
      body.append(element);
      if (open.has(id)) unfold(id, element);
    }
    element.style.transform = `translateY(${topOf(place)}px)`;
  }
  if (order.length === 0 && rows.count > 0 && !told.search) {
    if (!body.querySelector('.empty')) body.replaceChildren(make('div', { class: 'empty' }, 'No row is like that.'));
  } else body.querySelector('.empty')?.remove();
}

const measured = new ResizeObserver((entries) => {
  let moved = false;
  for (const { target } of entries) {
    const id = Number(target.dataset.id);
    if (!open.has(id) || !target.isConnected) continue;
    const extra = Math.max(0, target.offsetHeight - height - 1);
    if (open.get(id) !== extra) { open.set(id, extra); moved = true; }
  }
  if (moved) paint();
});

const rowOf = (id) => ({
  number: rows.number[id], key: rows.key[id], attempts: rows.attempts[id], cost: rows.cost[id], tokens: rows.tokens[id], latency: rows.latency[id], started: rows.started[id],
});

function rowElement(id, place) {
  const outcome = OUTCOMES[LETTERS.indexOf(rows.outcome[id])];
  const failed = rows.kind[id] !== null;
  const cells = COLUMNS.map((column) => {
    const style = { class: column.kind || '', role: 'cell' };
    if (column.check !== undefined) {
      const names = { p: 'pass', f: 'fail', e: 'error', s: 'skipped' };
      return make('span', style, sign(names[verdictOf(column.check, id)] || 'none'));
    }
    switch (column.name) {
      case 'number': return make('span', style, WHOLE.format(rows.number[id]));
      case 'outcome': return make('span', { ...style, class: 'outcome' }, make('i', { class: 'dot c-' + outcome }), said(outcome));
      case 'key': return outside('span', { ...style, class: style.class + ' mono' }, rows.key[id] ?? '');
      case 'input': return outside('span', style, rows.input[id]);
      case 'output': return outside('span', { ...style, class: failed ? 'line2 bad-text' : 'line2' }, rows.output[id]);
      case 'cost': return make('span', style, rows.cost[id] === null ? '–' : grouped(rows.cost[id]));
      case 'tokens': return make('span', style, rows.tokens[id] === null ? '–' : WHOLE.format(rows.tokens[id]));
      default: return make('span', style, time(rows.latency[id]));
    }
  });
  const line = make('div', { class: 'cells', role: 'row', tabindex: -1, 'aria-expanded': String(open.has(id)), 'aria-rowindex': place + 2, onclick: () => toggle(id) }, ...cells);
  line.addEventListener('keydown', (event) => keys(event, id));
  return make('div', { class: open.has(id) ? 'row open' : 'row', 'data-id': id, 'data-number': rows.number[id] }, line);
}

function keys(event, id) {
  if (event.key === 'Enter' || event.key === ' ') {
    event.preventDefault();
    toggle(id);
  } else if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
    event.preventDefault();
    const place = order.indexOf(id) + (event.key === 'ArrowDown' ? 1 : -1);
    if (place >= 0 && place < order.length) reach(place);
  }
}

/** Brings a row into view and puts the focus on it. */
function reach(place) {
  const top = topOf(place);
  const heads = narrow.matches ? 0 : heading.offsetHeight;
  if (top < grid.scrollTop) grid.scrollTop = top;
  else if (top + height > grid.scrollTop + grid.clientHeight - heads) grid.scrollTop = top + height - grid.clientHeight + heads;
  paint();
  elements.get(order[place])?.firstChild.focus({ preventScroll: true });
}

function toggle(id) {
  const element = elements.get(id);
  if (open.has(id)) {
    open.delete(id);
    measured.unobserve(element);
    element.querySelector('.detail')?.remove();
  } else {
    open.set(id, 0);
    unfold(id, element);
  }
  element.classList.toggle('open', open.has(id));
  element.firstChild.setAttribute('aria-expanded', String(open.has(id)));
  paint();
}

async function unfold(id, element) {
  let inside;
  try {
    inside = detail(rowOf(id), await bodyOf(id), state.text);
  } catch (error) {
    inside = make('div', { class: 'detail bad-text' }, 'This row can’t be read: the file is cut or damaged.');
  }
  if (!open.has(id) || !element.isConnected || element.querySelector('.detail')) return;
  element.append(inside);
  measured.observe(element);
}

function sizeNote() {
  const { held, further, full, left_out: left, cell_bytes: bytes } = data.rows;
  const said = [`Inputs and outputs are cut to ${WHOLE.format(bytes / 1024)} KiB each; results.jsonl has them whole.`];
  if (left > 0) {
    const why = full ? 'so that a browser can open the file' : `the first ${WHOLE.format(held - further)}` + (further > 0 ? `, and ${WHOLE.format(further)} more that did not succeed or failed a check` : '');
    said.unshift(`This page holds ${WHOLE.format(held)} of ${plural(held + left, 'row')}: ${why}. The figures above are those of all.`);
  }
  return make('p', { class: 'soft small', id: 'held' }, said.join(' '));
}

async function readAll() {
  if (typeof DecompressionStream === 'undefined') {
    status.textContent = 'This browser can’t unpack the rows; results.jsonl has them.';
    return;
  }
  const bodies = document.querySelectorAll('script.bodies');
  const indexes = document.querySelectorAll('script.index');
  let painted = 0;
  for (let place = 0; place < indexes.length; place += 1) {
    const index = JSON.parse(await unpacked(indexes[place]));
    chunks.push({ ...takeIndex(index), bodies: bodies[place], lines: null });
    indexes[place].remove();
    if (performance.now() - painted > 150) {
      told.reading = rows.count < data.rows.held ? `reading: ${Math.floor((rows.count / data.rows.held) * 100)}%` : '';
      refresh(false);
      await new Promise((resolve) => setTimeout(resolve));
      painted = performance.now();
    }
  }
  told.reading = '';
  buildTools();
  refresh(false);
  document.documentElement.dataset.ready = 'rows';
  if (box.value !== '') search(box.value);
}

if (data.rows.held > 0) {
  buildHeading();
  buildTools();
  grid.append(heading, body);
  add(make('section', { class: 'card', id: 'rows' }, make('h2', null, 'Rows'),
    make('div', { class: 'tools' }, box, chips, kinds, verdicts, sorts),
    make('div', { class: 'told' }, status, make('span', { class: 'only-wide' }, 'A click opens a row; a click on a heading sorts.')), grid, sizeNote()));
  shape();
  let waiting = false;
  grid.addEventListener('scroll', () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; paint(); });
  }, { passive: true });
  grid.addEventListener('keydown', (event) => {
    if (event.target === grid && event.key === 'ArrowDown' && order.length > 0) { event.preventDefault(); reach(placeAt(grid.scrollTop)); }
  });
  new ResizeObserver(() => { shape(); paint(); }).observe(grid);
  narrow.addEventListener('change', () => { shape(); refresh(false); });
}
add(make('footer', null, 'flowbatch. The files beside this page: results.jsonl, report.json and report.md.'));
if (document.readyState === 'loading') document.addEventListener('DOMContentLoaded', readAll);
else readAll();
