// Sets the theme before anything is drawn, so that nothing flashes. The settings are kept by src/shell/appearance.ts.
;(function () {
  try {
    var a = JSON.parse(localStorage.getItem('plumb.appearance') || '{}')
    if (a.theme && a.theme !== 'system') document.documentElement.dataset.theme = a.theme
    if (a.density === 'compact') document.documentElement.dataset.density = 'compact'
    if (a.contrast === 'more') document.documentElement.dataset.contrast = 'more'
  } catch (e) {}
})()
