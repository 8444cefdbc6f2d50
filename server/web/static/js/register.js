// The registration form: shows the address and parameters that the chosen profile needs.

import "./base.js";

const profile = document.getElementById("profile");

function show() {
  const driver = profile.selectedOptions[0]?.dataset.driver;
  for (const fields of document.querySelectorAll("fieldset[data-driver], fieldset[data-profile]")) {
    const needed = fields.dataset.driver ? fields.dataset.driver === driver : fields.dataset.profile === profile.value;
    fields.hidden = !needed;
    fields.disabled = !needed;
  }
}

profile.addEventListener("change", show);
show();
