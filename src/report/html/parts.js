// Parts that pages are made of: cards, tables, signs, meters.

function card(title, ...content) {
  return make('section', { class: 'card' }, make('h2', null, title), ...content);
}

function table(headings, rows, attributes) {
  const cells = (tag, row) => row.map((cell, place) => {
    const number = headings[place].startsWith('>');
    if (cell instanceof Node && cell.nodeName === tag.toUpperCase()) return cell;
    return make(tag, { class: number ? 'n' : undefined }, cell);
  });
  return make('div', { class: 'scroll' }, make('table', attributes || {},
    make('thead', null, make('tr', null, ...cells('th', headings.map((name) => outside('span', null, name.replace(/^>/, '')))))),
    make('tbody', null, ...rows.map((row) => make('tr', null, ...cells('td', row))))));
}

function sign(verdict) {
  const signs = { pass: '✓', fail: '✗', error: '!', open: '?', skipped: '–', none: '·' };
  return make('span', { class: 'sign ' + verdict, title: verdict === 'open' ? 'undecided' : verdict === 'none' ? 'not scored' : verdict }, signs[verdict]);
}

function meter(rate, interval) {
  const bar = make('span', { class: 'meter' });
  const filled = make('i');
  filled.style.width = (rate || 0) * 100 + '%';
  bar.append(filled);
  if (interval) {
    const range = make('b');
    range.style.left = interval[0] * 100 + '%';
    range.style.width = Math.max(0.5, (interval[1] - interval[0]) * 100) + '%';
    bar.append(range);
  }
  return bar;
}

