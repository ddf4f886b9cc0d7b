// PocketBase supports only bcrypt. Cost 9 is the closest to Argon2id with 19 MiB and two passes.
migrate((app) => {
  const users = app.findCollectionByNameOrId("users");
  users.fields.getByName("password").cost = 9;
  users.authAlert.enabled = false;
  app.save(users);
});
