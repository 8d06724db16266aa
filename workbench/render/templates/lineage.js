for (const svg of document.querySelectorAll('svg.lineage')) {
  const rows = [...svg.querySelectorAll('.row')];
  const named = new Map(rows.map(row => [row.id, row]));
  const lines = [...svg.querySelectorAll('.line')];
  const said = svg.closest('.lineage-picture').querySelector('output');
  const inBox = row => [...row.closest('.box').querySelectorAll('.row')];
  let pinned = null;
  // What was asked for is in sight first, however large the picture is.
  const frame = svg.querySelector('.box.focus .frame'), view = svg.closest('.lineage-scroll');
  if (frame) {
    const box = frame.getBBox(), middle = (start, length, seen) => Math.max(0, start + length / 2 - seen / 2);
    if (box.x + box.width > view.clientWidth) view.scrollLeft = middle(box.x, box.width, view.clientWidth);
    if (box.y + box.height > view.clientHeight) view.scrollTop = middle(box.y, box.height, view.clientHeight);
  }
  const walk = (start, up) => {
    const seen = new Set([start]), lit = new Set(), ahead = [start];
    while (ahead.length) {
      const row = ahead.pop(), next = [];
      for (const line of lines) {
        if ((up ? line.dataset.to : line.dataset.from) !== row.id) continue;
        lit.add(line);
        next.push(named.get(up ? line.dataset.from : line.dataset.to));
      }
      // Every column rests on which rows there are, and all columns rest on a table's rows.
      if (up) next.push(...inBox(row).filter(each => each.classList.contains('rows')));
      else if (row.classList.contains('rows')) next.push(...inBox(row));
      for (const each of next) if (!seen.has(each)) { seen.add(each); ahead.push(each); }
    }
    return [seen, lit];
  };
  const show = row => {
    for (const each of svg.querySelectorAll('.lit')) each.classList.remove('lit');
    svg.classList.toggle('looking', Boolean(row));
    said.textContent = '';
    if (!row) return;
    const tables = [0, 0];
    [true, false].forEach((up, side) => {
      const [seen, lit] = walk(row, up);
      for (const each of [...seen, ...lit]) each.classList.add('lit');
      tables[side] = new Set([...seen].map(each => each.closest('.box'))).size - 1;
    });
    said.textContent = `${row.getAttribute('aria-label')}: rests on ${tables[0]} table${tables[0] === 1 ? '' : 's'}, `
      + `${tables[1]} rest${tables[1] === 1 ? 's' : ''} on it`;
  };
  const step = (row, key) => {
    if (key === 'ArrowUp' || key === 'ArrowDown') {
      const here = inBox(row);
      return here[here.indexOf(row) + (key === 'ArrowDown' ? 1 : -1)];
    }
    const line = lines.find(each => (key === 'ArrowLeft' ? each.dataset.to : each.dataset.from) === row.id);
    return line && named.get(key === 'ArrowLeft' ? line.dataset.from : line.dataset.to);
  };
  for (const row of rows) {
    row.addEventListener('mouseenter', () => pinned || show(row));
    row.addEventListener('mouseleave', () => pinned || show(null));
    row.addEventListener('focus', () => { pinned = null; show(row); });
    row.addEventListener('blur', () => { pinned = null; show(null); });
    row.addEventListener('click', () => { pinned = pinned === row ? null : row; show(pinned); });
    row.addEventListener('keydown', event => {
      if (event.key === 'Escape') { row.blur(); return; }
      if (!event.key.startsWith('Arrow')) return;
      event.preventDefault();
      const next = step(row, event.key);
      if (next) next.focus();
    });
  }
}
