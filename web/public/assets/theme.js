// Sets the theme before the first paint. `src/ui/theme.ts` changes it later; both use the same storage key.
;(function () {
  let choice = null
  try {
    choice = localStorage.getItem('kymograph.theme')
  } catch {
    // Storage may be forbidden: then the system's theme it is.
  }
  const dark = matchMedia('(prefers-color-scheme: dark)').matches
  document.documentElement.dataset.theme =
    choice === 'light' || choice === 'dark' ? choice : dark ? 'dark' : 'light'
})()
