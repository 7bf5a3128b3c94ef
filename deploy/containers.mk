# Containers: nothing here runs by default. State lies under .local/containers.
CONTAINERS := $(CURDIR)/.local/containers
DOCKER := PATH="$(CONTAINERS)/bin:$$PATH" docker
COMPOSE := $(DOCKER) compose -f deploy/compose.yaml
SECRETS_FOLDER ?= $(CONTAINERS)/secrets
export SECRETS_FOLDER
.PHONY: engine engine-stop images images-offline up down containers documents check-deploy deploy-tools

engine: ## Bring a container engine where none runs (root, Debian)
	@deploy/engine.sh

engine-stop: ## End the engine that `make engine` brought
	@deploy/engine.sh stop

images-offline: ready engine ## Build the base images where none can be pulled
	@deploy/images/build.sh

images: ready ## Build the images of the four services
	@deploy/images/services.sh

up: ready ## Run everything from images on http://localhost:8000
	@$(VENV)/python -m deploy.compose.secret_files "$(SECRETS_FOLDER)"
	@$(COMPOSE) up --detach --wait

down: ## Stop what `make up` started; its data stays in volumes
	@$(COMPOSE) down

containers: ready ## Test the images themselves, on a container engine
	@CONTAINERS=1 TEST_POSTGRES_URL=none TEST_KAFKA=none $(VENV)/python -m pytest --timeout 1200 tests/containers

documents: ready ## Write what is made from the code: settings, AsyncAPI, topics of the charts
	@$(VENV)/python -m deploy.documents

check-deploy: deploy-tools ## Lint and validate Dockerfiles, scripts, compose file and charts
	$(VENV)/hadolint deploy/Dockerfile deploy/images/*/Dockerfile
	$(VENV)/shellcheck deploy/engine.sh deploy/compose/*.sh deploy/images/*.sh deploy/images/*/*.sh deploy/images/kafka/run
	$(VENV)/check-jsonschema --builtin-schema vendor.compose-spec deploy/compose.yaml
	$(VENV)/python -m pytest --noconftest -q tests/deploy

# 350 MB that only this check needs: not part of what `make run` and `make test` set up.
deploy-tools: ready
	@cmp -s requirements/deploy.txt .local/venv/deploy.txt || { \
		if command -v uv >/dev/null; then uv pip install -q --python $(VENV)/python --require-hashes -r requirements/deploy.txt; \
		else $(VENV)/python -m pip install -q --require-hashes -r requirements/deploy.txt; fi && \
		cp requirements/deploy.txt .local/venv/deploy.txt; }
