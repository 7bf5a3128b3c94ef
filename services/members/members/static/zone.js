// Choose the browser's own time zone, as long as nobody chose another one. Without this the country decides.
const zone = document.getElementById("zone");
const here = Intl.DateTimeFormat().resolvedOptions().timeZone;
if (zone && !zone.value && [...zone.options].some((option) => option.value === here)) zone.value = here;
