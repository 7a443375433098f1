// The list of runs, asked for again every two seconds. Two of them can be chosen, and are then compared.

const page = document.getElementById('page');
const rowsOf = make('tbody', { id: 'runs' });
const go = (path) => { location.assign(path); };
const compareThem = make('button', { class: 'chip strong', id: 'compare', onclick: () => go(`/compare?a=${encodeURIComponent(chosen[0])}&b=${encodeURIComponent(chosen[1])}`) }, 'Compare');
const told = make('span', { class: 'soft small', role: 'status' });
page.append(
  make('div', { class: 'top' }, make('h1', null, 'Runs'), compareThem, told),
  make('section', { class: 'card' }, make('div', { class: 'scroll' }, make('table', null,
    make('thead', null, make('tr', null, ...['', 'Run', 'Manifest', 'Status', 'Succeeded', 'Not succeeded', 'Cost', 'Time'].map((name, place) => make('th', { class: place > 3 ? 'n' : undefined }, name)))),
    rowsOf))));

const TONES = { running: 'warn', complete: 'good', stopped: 'bad', unfinished: 'warn', unreadable: 'bad' };

/** Names of the runs that are chosen: the older one is the baseline. */
let chosen = [];
let names = [];

function choose(name, is) {
  chosen = chosen.filter((other) => other !== name && names.includes(other));
  // Of three, the one that was chosen first makes room.
  if (is) chosen = [...chosen, name].slice(-2);
  showChosen();
}

function showChosen() {
  // The list has the newest first.
  if (chosen.length === 2 && names.indexOf(chosen[0]) < names.indexOf(chosen[1])) chosen.reverse();
  for (const box of rowsOf.querySelectorAll('input')) box.checked = chosen.includes(box.dataset.run);
  compareThem.disabled = chosen.length !== 2;
  told.replaceChildren(chosen.length === 2 ? outside('span', null, `${chosen[0]} is the baseline`) : `choose ${chosen.length === 1 ? 'one more' : 'two runs'} to compare`);
}

function line(run) {
  const { rows } = run;
  const name = `${run.manifest}/${run.run_id}`;
  const path = `/runs/${encodeURIComponent(run.manifest)}/${encodeURIComponent(run.run_id)}/`;
  // While a process works on it, rows on their way count as in doubt.
  const running = run.status === 'running';
  const bad = rows.failed + rows.rejected + (running ? 0 : rows.in_doubt);
  const ended = rows.succeeded + bad;
  const box = make('input', { type: 'checkbox', 'data-run': name, 'aria-label': `compare ${run.run_id}`, onchange: () => choose(name, box.checked) });
  return make('tr', null,
    make('td', null, running ? '' : box),
    make('td', null, make('button', { class: 'link mono', 'data-path': path, onclick: () => go(path) }, ...pieces(run.run_id))),
    outside('td', null, run.manifest),
    make('td', null, make('span', { class: 'badge ' + TONES[run.status] }, run.status), running ? ` ${percent(rows.total ? ended / rows.total : null)}` : '',
      run.detail ? outside('div', { class: 'small soft' }, run.detail) : ''),
    make('td', { class: 'n' }, `${WHOLE.format(rows.succeeded)} of ${WHOLE.format(rows.total)}`),
    make('td', { class: 'n' }, WHOLE.format(running ? bad : rows.total - rows.succeeded)),
    make('td', { class: 'n' }, grouped(run.cost) + (run.cost_unknown_rows && !running ? ` + ${WHOLE.format(run.cost_unknown_rows)} unknown` : '')),
    make('td', { class: 'n' }, time(run.wall_ms)));
}

let shown = '';

async function look() {
  try {
    const text = await (await fetch('/runs.json')).text();
    if (text !== shown) {
      shown = text;
      const { runs } = JSON.parse(text);
      names = runs.map((run) => `${run.manifest}/${run.run_id}`);
      rowsOf.replaceChildren(...(runs.length > 0 ? runs.map(line) : [make('tr', null, make('td', { colspan: 8, class: 'soft' }, 'There are no runs yet.'))]));
      showChosen();
    }
    document.documentElement.dataset.ready = 'runs';
  } catch (error) {
    document.documentElement.dataset.ready = 'lost';
  }
  setTimeout(look, 2000);
}

look();
