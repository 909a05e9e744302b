// The graph: pipelines, stages and tunnels of the project by id, and which of them are shown. Pure.

export class Graph {
	constructor(project) {
		this.project = project;
		this.pipelines = new Map(project.pipelines.map(pipeline => [pipeline.id, pipeline]));
		this.stages = new Map();
		for (const pipeline of project.pipelines)
			for (const stage of pipeline.stages) this.stages.set(stage.stage, {...stage, pipeline});
		this.tunnels = new Map(project.tunnels.map(tunnel => [tunnel.id, tunnel]));
		this.out = new Map();
		this.into = new Map();
		for (const tunnel of project.tunnels) {
			for (const stage of tunnel.from) put(this.out, stage, tunnel);
			if (tunnel.to) put(this.into, tunnel.to, tunnel);
		}
	}

	at(stage) {
		return [...new Set([...(this.out.get(stage) ?? []), ...(this.into.get(stage) ?? [])])];
	}

	stageName(stage) {
		return this.stages.get(stage)?.name ?? stage.slice(stage.indexOf(".") + 1);
	}

	pipelineName(id) {
		return this.pipelines.get(id)?.name ?? id;
	}

	fullName(stage) {
		if (!this.stages.has(stage)) return stage ?? "?";
		return `${this.pipelineName(stage.split(".")[0])} › ${this.stageName(stage)}`;
	}

	way(from, to) {
		return `${from.map(stage => this.fullName(stage)).join(", ")} → ${this.fullName(to)}`;
	}

	/** The pipelines to show: those chosen (null: all), and those that tunnels join to them. */
	shown(filter, neighbours) {
		if (!filter) return this.project.pipelines;
		const wanted = new Set(filter);
		if (neighbours) {
			for (const tunnel of this.project.tunnels) {
				const ends = [...tunnel.from, tunnel.to].filter(Boolean).map(stage => stage.split(".")[0]);
				if (ends.some(id => filter.includes(id))) ends.forEach(id => wanted.add(id));
			}
		}
		return this.project.pipelines.filter(pipeline => wanted.has(pipeline.id));
	}
}

function put(map, key, value) {
	if (!map.has(key)) map.set(key, []);
	map.get(key).push(value);
}
